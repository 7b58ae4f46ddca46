// stdout as a place where writing can fail, and the JSON that is printed there.
#pragma once
#include <concepts>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nibble {

// Writes all of it at once, unbuffered. kIo when the system refuses (full disk, closed descriptor),
// kCancelled when the reader of a pipe is gone.
Status write_stdout(std::string_view text);
// A line on stderr; failures there have no one to go to.
void write_stderr(std::string_view text);
// Reports an error of `nibble COMMAND` on stderr, cancellation excepted, and gives its exit code.
int report_error(std::string_view command, const Error& error);

// Builds JSON text: commas and quoting are taken care of. Bytes that are no UTF-8 become U+FFFD.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  JsonWriter& value(double number);  // null when not finite
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonWriter& value(T number) {
    separate();
    text_ += concat(number);
    return *this;
  }
  JsonWriter& null();
  template <class T>
  JsonWriter& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }
  const std::string& text() const { return text_; }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void quote(std::string_view text);
  std::string text_;
  bool first_ = true;  // no comma before the next value
};

}  // namespace nibble
