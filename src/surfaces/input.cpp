#include "surfaces/input.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace nibble {
namespace {

Result<std::string> read_descriptor(int descriptor, const std::string& name) {
  std::string text;
  std::vector<char> chunk(1 << 16);
  while (true) {
    const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorKind::kIo, name, ": ", std::strerror(errno));
    if (count == 0) return text;
    if (text.size() + size_t(count) > kMaxInputBytes)
      return fail(ErrorKind::kLimit, name, ": more than ", kMaxInputBytes >> 20, " MiB of text");
    text.append(chunk.data(), size_t(count));
  }
}

}  // namespace

Result<std::string> read_stdin() { return read_descriptor(STDIN_FILENO, "stdin"); }

Result<std::string> read_text_file(const std::string& path) {
  if (path == "-") return read_stdin();
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(errno == ENOENT ? ErrorKind::kNotFound : ErrorKind::kIo, path, ": ", std::strerror(errno));
  auto text = read_descriptor(descriptor, path);
  ::close(descriptor);
  return text;
}

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

Result<std::string> read_prompt(const TextOptions& options) {
  if (!options.prompt.empty()) return options.prompt;
  return read_text_file(options.prompt_file.empty() ? "-" : options.prompt_file);
}

bool reads_terminal(const TextOptions& options) {
  return options.prompt.empty() && (options.prompt_file.empty() || options.prompt_file == "-") &&
         stdin_is_terminal();
}

Result<InputLine> LineReader::next() {
  while (true) {
    if (const size_t end = buffer_.find('\n'); end != std::string::npos) {
      InputLine line{.end = false, .text = buffer_.substr(0, end)};
      buffer_.erase(0, end + 1);
      if (line.text.ends_with('\r')) line.text.pop_back();
      return line;
    }
    if (ended_) {
      return InputLine{.end = buffer_.empty(), .text = std::exchange(buffer_, {})};
    }
    char chunk[4096];
    const ssize_t count = ::read(STDIN_FILENO, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) return fail(ErrorKind::kCancelled, "interrupted");
    if (count < 0) return fail(ErrorKind::kIo, "stdin: ", std::strerror(errno));
    if (count == 0) ended_ = true;
    buffer_.append(chunk, size_t(std::max<ssize_t>(count, 0)));
    if (buffer_.size() > kMaxInputBytes)
      return fail(ErrorKind::kLimit, "a line of more than ", kMaxInputBytes, " bytes");
  }
}

Result<std::string> shipped_model() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::string searched;
  for (const char* place : {".", "../share/nibble", "../models"}) {
    const fs::path folder = (program / place).lexically_normal();
    // What the build made of the trained weights, else these as they are.
    for (const char* name : {"nibble-story-q8_0.gguf", "nibble-story-f16.gguf"})
      if (const fs::path file = folder / name; fs::exists(file, error)) return file.string();
    searched += concat(searched.empty() ? "" : ", ", folder.string());
  }
  return fail(ErrorKind::kNotFound,
              "no model named, and the one that comes with nibble (nibble-story-q8_0.gguf or nibble-story-f16.gguf) is not in ",
              searched);
}

}  // namespace nibble
