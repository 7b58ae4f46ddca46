#include "formats/json.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <vector>

#include "base/mapped_file.h"
#include "base/quote.h"

namespace nibble {

struct JsonDocument::State {
  std::string text;
  std::vector<JsonNode> nodes;
};

namespace {

// Bytes of the UTF-8 character at `at`, or 0 where there is none: no overlong forms, no surrogates.
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? uint8_t(text[at + i]) : uint8_t{0}; };
  const auto tail = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return tail(1, low, high) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const uint8_t low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

size_t write_utf8(char* out, uint32_t c) {
  if (c < 0x80) return out[0] = char(c), 1;
  if (c < 0x800) return out[0] = char(0xC0 | (c >> 6)), out[1] = char(0x80 | (c & 0x3F)), 2;
  if (c < 0x10000) {
    out[0] = char(0xE0 | (c >> 12));
    out[1] = char(0x80 | ((c >> 6) & 0x3F));
    out[2] = char(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = char(0xF0 | (c >> 18));
  out[1] = char(0x80 | ((c >> 12) & 0x3F));
  out[2] = char(0x80 | ((c >> 6) & 0x3F));
  out[3] = char(0x80 | (c & 0x3F));
  return 4;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(std::string& text, std::vector<JsonNode>& nodes, std::string_view name)
      : text_(text), nodes_(nodes), name_(name) {}

  Status run() {
    NIBBLE_CHECK_OK(value(0));
    spaces();
    if (at_ < text_.size()) return wanted("the end");
    return {};
  }

 private:
  template <class... Parts>
  std::unexpected<Error> bad(const Parts&... parts) const {
    return fail(ErrorKind::kBadFile, name_, ": JSON, byte ", at_, ": ", parts...);
  }
  std::unexpected<Error> wanted(std::string_view what) const {
    return bad("wanted ", what, ", found ",
               at_ < text_.size() ? quoted(std::string_view(text_).substr(at_, 1)) : std::string("the end"));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void spaces() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool take(std::string_view word) {
    if (!std::string_view(text_).substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  Result<uint32_t> add(JsonKind kind, uint64_t payload = 0, uint32_t count = 0) {
    if (nodes_.size() == kJsonMaxNodes)
      return fail(ErrorKind::kLimit, name_, ": JSON of more than ", kJsonMaxNodes, " values");
    const uint32_t index = uint32_t(nodes_.size());
    nodes_.push_back({kind, index + 1, count, payload});
    return index;
  }

  Status value(int depth) {
    if (depth == kJsonMaxDepth)
      return fail(ErrorKind::kLimit, name_, ": JSON, byte ", at_, ": nested deeper than ", kJsonMaxDepth);
    spaces();
    switch (peek()) {
      case '{':
        return container(JsonKind::kObject, '}', depth);
      case '[':
        return container(JsonKind::kArray, ']', depth);
      case '"':
        return string();
      case 't':
      case 'f':
      case 'n':
        return word();
      default:
        return number();
    }
  }

  Status word() {
    const bool yes = take("true");
    if (yes || take("false")) return ok(add(JsonKind::kBool, yes));
    if (take("null")) return ok(add(JsonKind::kNull));
    return wanted("a value");
  }
  static Status ok(Result<uint32_t> added) {
    if (!added) return forward_error(std::move(added).error());
    return {};
  }

  Status container(JsonKind kind, char close, int depth) {
    NIBBLE_TRY(const uint32_t index, add(kind));
    ++at_;
    uint32_t count = 0;
    spaces();
    if (peek() != close || at_ >= text_.size()) {
      do {
        spaces();
        if (kind == JsonKind::kObject) {
          if (peek() != '"') return wanted("a key");
          NIBBLE_CHECK_OK(string());
          spaces();
          if (!take(":")) return wanted("':'");
        }
        NIBBLE_CHECK_OK(value(depth + 1));
        ++count;
        spaces();
      } while (take(","));
      if (peek() != close) return wanted(close == '}' ? "',' or '}'" : "',' or ']'");
    }
    ++at_;
    nodes_[index].next = uint32_t(nodes_.size());
    nodes_[index].count = count;
    return kind == JsonKind::kObject ? distinct_keys(index) : Status();
  }

  Status distinct_keys(uint32_t object) {
    keys_.clear();
    for (uint32_t at = object + 1; at < nodes_[object].next; at = nodes_[at + 1].next)
      keys_.push_back({text_.data() + nodes_[at].payload, nodes_[at].count});
    std::sort(keys_.begin(), keys_.end());
    const auto twice = std::adjacent_find(keys_.begin(), keys_.end());
    if (twice == keys_.end()) return {};
    return fail(ErrorKind::kBadFile, name_, ": JSON: key ", quoted(*twice), " stands twice in one object");
  }

  Status number() {
    const size_t begin = at_;
    take("-");
    const size_t digits = at_;
    while (is_digit(peek())) ++at_;
    if (at_ == digits) return at_ = begin, wanted("a value");
    if (text_[digits] == '0' && at_ > digits + 1) return at_ = begin, bad("a number that starts with 0");
    bool real = false;
    if (take(".")) {
      real = true;
      if (!is_digit(peek())) return wanted("a digit");
      while (is_digit(peek())) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      real = true;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!is_digit(peek())) return wanted("a digit");
      while (is_digit(peek())) ++at_;
    }
    const char *first = text_.data() + begin, *last = text_.data() + at_;
    if (int64_t integer = 0; !real && std::from_chars(first, last, integer).ec == std::errc())
      return ok(add(JsonKind::kInteger, std::bit_cast<uint64_t>(integer)));
    double number = 0;
    if (std::from_chars(first, last, number).ec != std::errc())
      return at_ = begin, bad("a number outside the range of double");
    return ok(add(JsonKind::kReal, std::bit_cast<uint64_t>(number)));
  }

  // The text of a string is written over the string itself: unescaping never makes it longer.
  Status string() {
    const size_t begin = ++at_;
    size_t out = begin;
    for (;;) {
      if (at_ >= text_.size()) return wanted("'\"'");
      const char c = text_[at_];
      if (c == '"') break;
      if (uint8_t(c) < 0x20) return bad("a control character in a string");
      if (c == '\\') {
        NIBBLE_CHECK_OK(escape(out));
        continue;
      }
      const size_t length = utf8_length(text_, at_);
      if (length == 0) return bad("a string that is not UTF-8");
      for (size_t i = 0; i < length; ++i) text_[out++] = text_[at_++];
    }
    ++at_;
    return ok(add(JsonKind::kString, begin, uint32_t(out - begin)));
  }

  Status escape(size_t& out) {
    ++at_;
    constexpr std::string_view kNames = "\"\\/bfnrt", kCharacters = "\"\\/\b\f\n\r\t";
    if (const size_t named = at_ < text_.size() ? kNames.find(text_[at_]) : kNames.npos;
        named != kNames.npos) {
      text_[out++] = kCharacters[named];
      ++at_;
      return {};
    }
    NIBBLE_TRY(uint32_t code, unit());
    if (code >= 0xD800 && code < 0xE000) {
      if (code >= 0xDC00 || !take("\\")) return bad("half of a surrogate pair");
      NIBBLE_TRY(const uint32_t low, unit());
      if (low < 0xDC00 || low >= 0xE000) return bad("half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    out += write_utf8(text_.data() + out, code);
    return {};
  }

  Result<uint32_t> unit() {
    uint32_t code = 0;
    if (!take("u")) return wanted("one of \"\\/bfnrtu");
    const size_t left = std::min<size_t>(4, text_.size() - at_);
    const auto parsed = std::from_chars(text_.data() + at_, text_.data() + at_ + left, code, 16);
    if (left < 4 || parsed.ptr != text_.data() + at_ + 4) return wanted("four hexadecimal digits");
    at_ += 4;
    return code;
  }

  std::string& text_;
  std::vector<JsonNode>& nodes_;
  std::string_view name_;
  size_t at_ = 0;
  std::vector<std::string_view> keys_;
};

}  // namespace

std::string_view json_kind_name(JsonKind kind) {
  constexpr std::string_view kNames[] = {"nothing",  "null",     "a bool",   "a whole number",
                                         "a number", "a string", "an array", "an object"};
  return kNames[size_t(kind)];
}

std::optional<bool> JsonValue::as_bool() const {
  return kind() == JsonKind::kBool ? std::optional<bool>(node_->payload != 0) : std::nullopt;
}
std::optional<int64_t> JsonValue::as_int() const {
  return kind() == JsonKind::kInteger ? std::optional<int64_t>(std::bit_cast<int64_t>(node_->payload))
                                      : std::nullopt;
}
std::optional<double> JsonValue::as_double() const {
  if (const auto integer = as_int()) return double(*integer);
  return kind() == JsonKind::kReal ? std::optional<double>(std::bit_cast<double>(node_->payload))
                                   : std::nullopt;
}
std::optional<std::string_view> JsonValue::as_string() const {
  if (kind() != JsonKind::kString) return std::nullopt;
  return std::string_view(text_ + node_->payload, node_->count);
}

JsonValue JsonValue::operator[](std::string_view key) const {
  for (const auto& [name, value] : members())
    if (name == key) return value;
  return {};
}

JsonValue::Range<false> JsonValue::elements() const {
  if (!is_array()) return {{*this, 0}, {*this, 0}};
  const uint32_t index = uint32_t(node_ - nodes_);
  return {{*this, index + 1}, {*this, node_->next}};
}
JsonValue::Range<true> JsonValue::members() const {
  if (!is_object()) return {{*this, 0}, {*this, 0}};
  const uint32_t index = uint32_t(node_ - nodes_);
  return {{*this, index + 1}, {*this, node_->next}};
}

JsonDocument::JsonDocument(std::unique_ptr<State> state) : state_(std::move(state)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;
JsonValue JsonDocument::root() const { return {state_->nodes.data(), state_->text.data(), 0}; }

Result<JsonDocument> JsonDocument::parse(std::string text, std::string_view name) {
  if (text.size() > kJsonMaxBytes)
    return fail(ErrorKind::kLimit, name, ": JSON of ", text.size(), " bytes, the limit is ", kJsonMaxBytes);
  auto state = std::make_unique<State>();
  state->text = std::move(text);
  NIBBLE_CHECK_OK(Parser(state->text, state->nodes, name).run());
  return JsonDocument(std::move(state));
}

Result<JsonDocument> JsonDocument::open(const std::string& path, size_t max_bytes) {
  NIBBLE_TRY(const MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  if (bytes.size() > max_bytes)
    return fail(ErrorKind::kLimit, path, ": ", bytes.size(), " bytes of JSON, the limit is ", max_bytes);
  return parse(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), path);
}

}  // namespace nibble
