// Where commands get their texts and their model from.
#pragma once
#include <string>

#include "base/error.h"
#include "surfaces/options.h"

namespace nibble {

inline constexpr size_t kMaxInputBytes = size_t(1) << 30;

Result<std::string> read_text_file(const std::string& path);  // "-": stdin
Result<std::string> read_stdin();
bool stdin_is_terminal();
bool stdout_is_terminal();

// --prompt, else --file, else all of stdin.
Result<std::string> read_prompt(const TextOptions& options);
// Whether that would wait for someone to type.
bool reads_terminal(const TextOptions& options);

struct InputLine {
  bool end = false;  // no line: the input has ended
  std::string text;  // without its line end
};

// The lines of stdin. kCancelled when a signal came first; then the next call goes on.
class LineReader {
 public:
  Result<InputLine> next();

 private:
  std::string buffer_;
  bool ended_ = false;
};

// The model that comes with nibble: nibble-story-q8_0.gguf, else nibble-story-f16.gguf, beside the program, in share/nibble of
// its installation, or in models/ of the source tree it was built in. kNotFound says where it looked.
Result<std::string> shipped_model();

}  // namespace nibble
