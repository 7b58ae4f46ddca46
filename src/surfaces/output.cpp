#include "surfaces/output.h"

#include <unistd.h>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace nibble {
namespace {

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(size_t(written));
  }
  return true;
}

// Bytes of the well-formed UTF-8 character at the start of `text` (Unicode 15.1, table 3-7); 0 when there is
// none.
size_t character_bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool valid = (lead != 0xE0 || byte(1) >= 0xA0) && (lead != 0xED || byte(1) < 0xA0);
    return valid && continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool valid = (lead != 0xF0 || byte(1) >= 0x90) && (lead != 0xF4 || byte(1) < 0x90);
    return valid && continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

Status write_stdout(std::string_view text) {
  if (write_all(STDOUT_FILENO, text)) return {};
  if (errno == EPIPE) return fail(ErrorKind::kCancelled, "the reader of stdout is gone");
  return fail(ErrorKind::kIo, "cannot write to stdout: ", std::strerror(errno));
}

void write_stderr(std::string_view text) { write_all(STDERR_FILENO, text); }

int report_error(std::string_view command, const Error& error) {
  if (error.kind == ErrorKind::kCancelled) return error_exit_code(error.kind);  // somebody wanted it so
  write_stderr(concat("nibble ", command, command.empty() ? "" : ": ", error_kind_name(error.kind), ": ",
                      error.message, "\n"));
  return error_exit_code(error.kind);
}

void JsonWriter::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

void JsonWriter::quote(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  text_ += '"';
  while (!text.empty()) {
    const size_t length = character_bytes(text);
    const char c = text[0];
    if (length == 0)
      text_ += "\xEF\xBF\xBD";
    else if (length > 1)
      text_ += text.substr(0, length);
    else if (c == '"' || c == '\\')
      (text_ += '\\') += c;
    else if (c == '\n')
      text_ += "\\n";
    else if (c == '\t')
      text_ += "\\t";
    else if (c == '\r')
      text_ += "\\r";
    else if (uint8_t(c) < 0x20 || c == 0x7F)
      ((text_ += "\\u00") += kHex[uint8_t(c) >> 4]) += kHex[c & 15];
    else
      text_ += c;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  text_ += ':';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

JsonWriter& JsonWriter::value(bool flag) {
  separate();
  text_ += flag ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  separate();
  text_ += concat(number);
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  text_ += "null";
  return *this;
}

}  // namespace nibble
