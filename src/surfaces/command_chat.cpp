#include "base/atomic_file.h"
#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/interrupt.h"
#include "surfaces/output.h"

namespace nibble {
namespace {

constexpr std::string_view kHelp =
    "/help          these commands\n"
    "/clear         forget the conversation\n"
    "/history       show the conversation\n"
    "/save FILE     write the conversation to a file, as JSON\n"
    "/exit          leave (Ctrl-D too)\n"
    "Ctrl-C stops an answer. A line that ends in \\ goes on in the next one.\n";

std::string conversation_json(const std::vector<ChatMessage>& messages) {
  JsonWriter json;
  json.begin_array();
  for (const ChatMessage& message : messages) {
    json.begin_object().field("role", message.role).field("content", message.content).end_object();
  }
  return json.end_array().text() + "\n";
}

class Conversation {
 public:
  Conversation(const CommandLine& line, Engine& engine)
      : line_(line),
        engine_(engine),
        session_(engine),
        interrupt_(session_, InterruptGuard::Second::kIsLikeTheFirst) {
    clear();
  }

  // Until the end of input. Errors of one message are reported and the conversation goes on.
  Status talk() {
    const bool interactive = stdin_is_terminal();
    if (interactive) write_stderr(concat(engine_.file().path(), "; /help lists the commands\n"));
    while (true) {
      if (interactive) write_stderr("> ");
      NIBBLE_TRY(const auto message, read_message());
      if (message.end || message.text == "/exit" || message.text == "/quit") break;
      if (message.text.starts_with('/')) {
        obey(message.text);
      } else if (!message.text.empty()) {
        NIBBLE_CHECK_OK(answer(message.text));
      }
    }
    if (interactive) write_stderr("\n");
    return {};
  }

 private:
  void clear() {
    messages_.clear();
    if (!line_.text.system.empty())
      messages_.push_back({.role = "system", .content = line_.text.system, .extra = {}});
  }

  // One message, continued lines joined; empty after Ctrl-C at the prompt.
  Result<InputLine> read_message() {
    std::string message;
    while (true) {
      auto next = lines_.next();
      if (!next && next.error().kind == ErrorKind::kCancelled) {
        interrupt_.take();
        write_stderr("\n(Ctrl-D leaves)\n");
        return InputLine{};
      }
      NIBBLE_TRY(const InputLine line, std::move(next));
      message += line.text;
      const bool more = !line.end && message.ends_with('\\');
      if (!more) return InputLine{.end = line.end && message.empty(), .text = std::move(message)};
      message.back() = '\n';
    }
  }

  void obey(const std::string& command) {
    if (command == "/help") {
      write_stderr(kHelp);
    } else if (command == "/clear") {
      clear();
      write_stderr("(forgotten)\n");
    } else if (command == "/history") {
      for (const ChatMessage& message : messages_)
        write_stderr(concat(message.role, ": ", message.content, "\n"));
    } else if (command.starts_with("/save ") && command.size() > 6) {
      if (auto saved = write_file_atomically(command.substr(6), conversation_json(messages_)); !saved)
        report_error("chat", saved.error());
      else
        write_stderr(concat("(", messages_.size(), " messages saved to ", command.substr(6), ")\n"));
    } else {
      write_stderr(concat("no such command: ", command, "\n", kHelp));
    }
  }

  Result<Generation> generate(const TextSink& sink) {
    ChatInput input;
    input.messages = messages_value(messages_);
    NIBBLE_TRY(const std::string rendered, engine_.render_chat(std::move(input)));
    NIBBLE_CHECK_OK(session_.assign(engine_.tokenize_chat(rendered)));
    return session_.generate(line_.generation, sink);
  }

  // An error that ends the program; others are reported here.
  Status answer(const std::string& message) {
    messages_.push_back({.role = "user", .content = message, .extra = {}});
    Status written;
    const auto show = [&](std::string_view text) {
      if (written) written = write_stdout(text);
      return written.has_value();
    };
    auto generation = generate(show);
    if (!generation) {
      messages_.pop_back();
      if (generation.error().kind == ErrorKind::kUnsupported)
        return forward_error(std::move(generation).error());
      report_error("chat", generation.error());
      return {};
    }
    show("\n");
    NIBBLE_CHECK_OK(written);
    messages_.push_back({.role = "assistant", .content = generation->text, .extra = {}});
    if (interrupt_.take()) write_stderr("(stopped)\n");
    if (generation->finish == FinishReason::kContextFull)
      write_stderr("(the context is full: /clear begins anew)\n");
    if (!line_.text.quiet) write_stderr(timing_line(engine_, *generation));
    return {};
  }

  const CommandLine& line_;
  Engine& engine_;
  Session session_;
  InterruptGuard interrupt_;
  LineReader lines_;
  std::vector<ChatMessage> messages_;
};

Status chat(const CommandLine& line) {
  NIBBLE_TRY(const std::string path, model_path(line));
  NIBBLE_TRY(const auto engine, open_engine(line, path));
  if (!engine->has_chat_template()) {
    NIBBLE_TRY(const std::string never, engine->render_chat({}));  // says why there is none
    static_cast<void>(never);
  }
  return Conversation(line, *engine).talk();
}

}  // namespace

int chat_command(const CommandLine& line) {
  const Status status = chat(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
