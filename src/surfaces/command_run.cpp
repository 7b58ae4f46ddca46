#include "kernels/kernels.h"
#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/interrupt.h"
#include "surfaces/output.h"

namespace nibble {
namespace {

constexpr std::string_view kStoryBeginning = "Once upon a time";

struct Prompt {
  std::string text;
  bool echo;
};

// The story model needs no prompt; any other does.
Result<Prompt> choose_prompt(const CommandLine& line) {
  const bool story = line.model.empty();
  if (reads_terminal(line.text)) {
    if (story) return Prompt{std::string(kStoryBeginning), true};
    write_stderr("Type the text to continue; Ctrl-D ends it.\n");
  }
  NIBBLE_TRY(std::string text, read_prompt(line.text));
  if (!text.empty()) return Prompt{std::move(text), line.text.echo};
  if (story) return Prompt{std::string(kStoryBeginning), true};
  return fail(ErrorKind::kInvalidArgument,
              "no text to continue: give --prompt, --file or something on stdin");
}

Status set_timeline(const CommandLine& line, Engine& engine, Session& session, const std::string& prompt) {
  if (!line.text.chat) return session.append(prompt);
  std::vector<ChatMessage> messages;
  if (!line.text.system.empty())
    messages.push_back({.role = "system", .content = line.text.system, .extra = {}});
  messages.push_back({.role = "user", .content = prompt, .extra = {}});
  ChatInput input;
  input.messages = messages_value(messages);
  NIBBLE_TRY(const std::string rendered, engine.render_chat(std::move(input)));
  return session.append(engine.tokenize_chat(rendered));
}

std::string result_json(const Engine& engine, const std::string& prompt, const Generation& generation) {
  JsonWriter json;
  json.begin_object();
  json.field("model", engine.file().path()).field("prompt", prompt).field("text", generation.text);
  json.key("tokens").begin_array();
  for (TokenId token : generation.tokens) json.value(token);
  json.end_array();
  json.field("finish_reason", finish_reason_name(generation.finish));
  json.field("seed", generation.seed);
  json.field("prompt_tokens", generation.prompt_tokens);
  json.field("answer_tokens", generation.tokens.size());
  json.field("drafted_tokens", generation.drafted_tokens);
  json.field("accepted_tokens", generation.accepted_tokens);
  json.key("seconds").begin_object();
  json.field("load", engine.load_seconds());
  json.field("prefill", generation.prefill_seconds).field("decode", generation.decode_seconds);
  json.end_object();
  json.field("threads", engine.threads()).field("kernels", kernels().name);
  return json.end_object().text() + "\n";
}

Result<FinishReason> run(const CommandLine& line) {
  NIBBLE_TRY(const Prompt prompt, choose_prompt(line));
  NIBBLE_TRY(const std::string path, model_path(line));
  NIBBLE_TRY(const auto engine, open_engine(line, path));
  Session session(*engine);
  NIBBLE_CHECK_OK(set_timeline(line, *engine, session, prompt.text));

  const InterruptGuard interrupt(session, InterruptGuard::Second::kEndsTheProgram);
  Status written;
  const auto show = [&](std::string_view text) {
    if (written) written = write_stdout(text);
    return written.has_value();
  };
  if (prompt.echo && !line.text.json) show(prompt.text);
  NIBBLE_TRY(const Generation generation,
             session.generate(line.generation, line.text.json ? TextSink() : TextSink(show)));
  if (line.text.json)
    show(result_json(*engine, prompt.text, generation));
  else if (stdout_is_terminal())
    show("\n");
  NIBBLE_CHECK_OK(written);
  if (!line.text.quiet) write_stderr(timing_line(*engine, generation));
  return generation.finish;
}

}  // namespace

int run_command(const CommandLine& line) {
  const auto finish = run(line);
  if (!finish) return report_error(line.command, finish.error());
  return *finish == FinishReason::kCancelled ? error_exit_code(ErrorKind::kCancelled) : 0;
}

}  // namespace nibble
