// Reads JSON fixtures of the tests into template values. Trusts its input: what is no JSON throws.
#pragma once
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "text/jinja_text.h"
#include "text/jinja_value.h"

namespace nibble::test {

class JsonFixture {
 public:
  static jinja::Value parse(std::string_view text) {
    JsonFixture reader(text);
    jinja::Value value = reader.value();
    reader.spaces();
    if (reader.at_ != text.size()) throw std::runtime_error("text after the JSON value");
    return value;
  }

  static std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  explicit JsonFixture(std::string_view text) : text_(text) {}

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void spaces() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool accept(std::string_view word) {
    spaces();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void expect(std::string_view word) {
    if (!accept(word))
      throw std::runtime_error("JSON: expected " + std::string(word) + " at " + std::to_string(at_));
  }

  jinja::Value value() {
    if (accept("null")) return nullptr;
    if (accept("true")) return true;
    if (accept("false")) return false;
    if (peek() == '"') return string();
    if (accept("[")) {
      jinja::List items;
      while (!accept("]")) {
        if (!items.empty()) expect(",");
        items.push_back(value());
      }
      return items;
    }
    if (accept("{")) {
      jinja::Dict dict;
      while (!accept("}")) {
        if (!dict.empty()) expect(",");
        spaces();
        std::string key = string();
        expect(":");
        dict.set(std::move(key), value());
      }
      return dict;
    }
    size_t used = 0;
    const double number = std::stod(std::string(text_.substr(at_, 40)), &used);
    at_ += used;
    return jinja::Value::number(number);
  }

  uint32_t unit() {
    const auto value = static_cast<uint32_t>(std::stoul(std::string(text_.substr(at_, 4)), nullptr, 16));
    at_ += 4;
    return value;
  }

  std::string string() {
    expect("\"");
    std::string out;
    while (peek() != '"') {
      if (at_ >= text_.size()) throw std::runtime_error("JSON: a string without end");
      const char c = text_[at_++];
      if (c != '\\') {
        out += c;
        continue;
      }
      const char escape = text_[at_++];
      constexpr std::string_view kNames = "nrtbf", kValues = "\n\r\t\b\f";
      if (escape == 'u') {
        uint32_t code = unit();
        if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
          at_ += 2;
          code = 0x10000 + ((code - 0xD800) << 10) + (unit() - 0xDC00);
        }
        jinja::append_code_point(out, code);
      } else if (const size_t named = kNames.find(escape); named != kNames.npos) {
        out += kValues[named];
      } else {
        out += escape;
      }
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace nibble::test
