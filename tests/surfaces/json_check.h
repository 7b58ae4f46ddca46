// A strict reader of JSON (RFC 8259) for tests: says whether a text is one, and finds top-level members.
#pragma once
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace nibble {

class JsonCheck {
 public:
  // The members of an object as raw JSON text; nullopt when `text` is not exactly one object.
  static std::optional<std::map<std::string, std::string>> object(std::string_view text) {
    JsonCheck check(text);
    std::map<std::string, std::string> members;
    check.space();
    if (!check.members(&members)) return std::nullopt;
    check.space();
    if (!check.rest_.empty()) return std::nullopt;
    return members;
  }

 private:
  explicit JsonCheck(std::string_view text) : rest_(text) {}
  void space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_[0]) != std::string_view::npos)
      rest_.remove_prefix(1);
  }
  bool take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool string() {
    if (!take("\"")) return false;
    while (!rest_.empty() && rest_[0] != '"') {
      if (static_cast<unsigned char>(rest_[0]) < 0x20) return false;
      if (rest_[0] == '\\') {
        if (rest_.size() < 2 || std::string_view("\"\\/bfnrtu").find(rest_[1]) == std::string_view::npos)
          return false;
        if (rest_[1] == 'u') {
          for (size_t i = 2; i < 6; ++i)
            if (i >= rest_.size() || !std::isxdigit(static_cast<unsigned char>(rest_[i]))) return false;
          rest_.remove_prefix(4);
        }
        rest_.remove_prefix(1);
      }
      rest_.remove_prefix(1);
    }
    return take("\"");
  }
  bool number() {
    const std::string_view before = rest_;
    take("-");
    const auto digits = [&] {
      size_t count = 0;
      while (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_[0])))
        rest_.remove_prefix(1), ++count;
      return count;
    };
    const bool zero = rest_.starts_with('0');
    const size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (take(".") && digits() == 0) return false;
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      if (digits() == 0) return false;
    }
    return before.size() != rest_.size();
  }
  bool members(std::map<std::string, std::string>* found) {
    if (!take("{")) return false;
    space();
    if (take("}")) return true;
    do {
      space();
      const std::string_view name = rest_;
      if (!string()) return false;
      const std::string_view quoted = name.substr(0, name.size() - rest_.size());
      space();
      if (!take(":")) return false;
      space();
      const std::string_view content = rest_;
      if (!value()) return false;
      if (found)
        (*found)[std::string(quoted.substr(1, quoted.size() - 2))] =
            content.substr(0, content.size() - rest_.size());
      space();
    } while (take(","));
    return take("}");
  }
  bool value() {
    space();
    if (rest_.starts_with('"')) return string();
    if (rest_.starts_with('{')) return members(nullptr);
    if (take("[")) {
      space();
      if (take("]")) return true;
      do {
        if (!value()) return false;
        space();
      } while (take(","));
      return take("]");
    }
    return take("true") || take("false") || take("null") || number();
  }
  std::string_view rest_;
};

}  // namespace nibble
