#include <charconv>

#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/output.h"

namespace nibble {
namespace {

struct Work {
  Tokenizer tokenizer;
  std::string input;
};

Result<Work> begin(const CommandLine& line) {
  NIBBLE_TRY(const std::string path, model_path(line));
  NIBBLE_TRY(Tokenizer tokenizer, open_tokenizer(path));
  NIBBLE_TRY(std::string input, read_prompt(line.text));
  return Work{std::move(tokenizer), std::move(input)};
}

Status tokenize(const CommandLine& line) {
  NIBBLE_TRY(const Work work, begin(line));
  const std::vector<TokenId> ids =
      work.tokenizer.encode(work.input, {.add_special = line.text.bos, .parse_special = line.text.special});
  if (line.text.json) {
    JsonWriter json;
    json.begin_object().field("count", ids.size()).key("ids").begin_array();
    for (TokenId id : ids) json.value(id);
    json.end_array().key("pieces").begin_array();
    for (TokenId id : ids) json.value(work.tokenizer.piece(id, true));
    return write_stdout(json.end_array().end_object().text() + "\n");
  }
  std::string text;
  for (TokenId id : ids) text += concat(text.empty() ? "" : " ", id);
  return write_stdout(text + "\n");
}

// Ids separated by anything that is no digit, so that JSON arrays will do.
Result<std::vector<TokenId>> parse_ids(std::string_view text, const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    if (std::string_view(" \t\r\n,[]").find(*at) != std::string_view::npos) {
      ++at;
      continue;
    }
    TokenId id = kNoToken;
    const auto parsed = std::from_chars(at, end, id);
    const bool separate =
        parsed.ptr == end || std::string_view(" \t\r\n,[]").find(*parsed.ptr) != std::string_view::npos;
    if (parsed.ec != std::errc() || !separate || id < 0 || size_t(id) >= tokenizer.size())
      return fail(ErrorKind::kInvalidArgument, "at byte ", at - text.data(),
                  " of the input: wanted an id from 0 to ", tokenizer.size() - 1);
    ids.push_back(id);
    at = parsed.ptr;
  }
  return ids;
}

Status detokenize(const CommandLine& line) {
  NIBBLE_TRY(const Work work, begin(line));
  NIBBLE_TRY(const std::vector<TokenId> ids, parse_ids(work.input, work.tokenizer));
  const std::string text = work.tokenizer.decode(ids, line.text.special);
  if (!line.text.json) return write_stdout(text);
  JsonWriter json;
  return write_stdout(json.begin_object().field("text", text).end_object().text() + "\n");
}

int finish(const CommandLine& line, const Status& status) {
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace

int tokenize_command(const CommandLine& line) { return finish(line, tokenize(line)); }
int detokenize_command(const CommandLine& line) { return finish(line, detokenize(line)); }

}  // namespace nibble
