#include "text/jinja_lexer.h"

#include <optional>

#include "text/jinja_source.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

// Positions in the original source for ascending offsets into the prepared one.
class PositionCursor {
 public:
  PositionCursor(std::string_view original, const std::vector<PreparedSource::Segment>& segments)
      : original_(original), segments_(segments) {}

  Position at(size_t prepared) {
    while (segment_ + 1 < segments_.size() && segments_[segment_ + 1].prepared <= prepared) ++segment_;
    const auto& segment = segments_[segment_];
    const size_t target = prepared - segment.prepared + segment.original;
    while (offset_ < target && offset_ < original_.size()) {
      const CodePoint code = code_point_at(original_, offset_);
      offset_ += code.length;
      if (code.value == '\n') {
        ++position_.line;
        position_.column = 1;
      } else {
        ++position_.column;
      }
    }
    return position_;
  }

 private:
  std::string_view original_;
  const std::vector<PreparedSource::Segment>& segments_;
  size_t segment_ = 0;
  size_t offset_ = 0;
  Position position_;
};

class Lexer {
 public:
  Lexer(std::string_view original, std::string_view text,
        const std::vector<PreparedSource::Segment>& segments)
      : text_(text), positions_(original, segments) {}

  Result<std::vector<Token>> run() {
    while (at_ < text_.size()) {
      const size_t tag = find_tag(at_);
      add_text(at_, tag);
      if (tag >= text_.size()) break;
      at_ = tag;
      NIBBLE_CHECK_OK(lex_tag());
    }
    add(TokenKind::kEnd, text_.size(), text_.size());
    return std::move(tokens_);
  }

 private:
  bool looking_at(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  void add(TokenKind kind, size_t begin, size_t end) {
    tokens_.push_back({kind, positions_.at(begin), text_.substr(begin, end - begin)});
  }

  size_t find_tag(size_t from) const {
    for (size_t brace = text_.find('{', from); brace != std::string_view::npos;
         brace = text_.find('{', brace + 1)) {
      const char next = brace + 1 < text_.size() ? text_[brace + 1] : '\0';
      if (next == '%' || next == '{' || next == '#') return brace;
    }
    return text_.size();
  }

  // Text up to a tag; a tag that opens with a hyphen strips the white space before it.
  void add_text(size_t begin, size_t end) {
    std::string_view text = text_.substr(begin, end - begin);
    if (end + 2 < text_.size() && text_[end + 2] == '-') text = strip_right(text);
    if (!text.empty()) add(TokenKind::kText, begin, begin + text.size());
  }

  void skip_spaces() {
    while (at_ < text_.size()) {
      const CodePoint code = code_point_at(text_, at_);
      if (!is_space(code.value)) return;
      at_ += code.length;
    }
  }

  Status lex_tag() {
    const size_t open = at_;
    if (text_[open + 1] == '#') return lex_comment();
    const bool statement = text_[open + 1] == '%';
    if (statement) {
      if (auto raw = lex_raw_block(); raw.has_value()) return *raw;
    }
    add(statement ? TokenKind::kOpenStatement : TokenKind::kOpenExpression, open, open + 2);
    at_ = open + 2;
    if (at_ < text_.size() && (text_[at_] == '-' || (statement && text_[at_] == '+'))) ++at_;
    return lex_inside(statement, tokens_.back().at);
  }

  Status lex_comment() {
    const size_t open = at_;
    size_t body = open + 2;
    if (body < text_.size() && text_[body] == '-') ++body;
    const size_t close = text_.find("#}", body);
    if (close == std::string_view::npos) {
      return fail_at(ErrorKind::kBadFile, positions_.at(open), "the comment {# is never closed");
    }
    at_ = close + 2;
    if (close > body && text_[close - 1] == '-') skip_spaces();
    return {};
  }

  // {% word %} at `at`: returns the offset after it and whether its ends strip.
  struct WordTag {
    size_t end = 0;
    bool strip_before = false;
    bool strip_after = false;
  };
  std::optional<WordTag> match_word_tag(size_t at, std::string_view word) const {
    WordTag tag;
    const auto skip = [&](std::string_view expected) {
      if (!text_.substr(at).starts_with(expected)) return false;
      at += expected.size();
      return true;
    };
    const auto spaces = [&] {
      while (at < text_.size() &&
             (text_[at] == ' ' || text_[at] == '\t' || text_[at] == '\n' || text_[at] == '\r')) {
        ++at;
      }
    };
    if (!skip("{%")) return std::nullopt;
    tag.strip_before = skip("-");
    if (!tag.strip_before) skip("+");
    spaces();
    if (!skip(word)) return std::nullopt;
    spaces();
    tag.strip_after = skip("-");
    if (!tag.strip_after) skip("+");
    if (!skip("%}")) return std::nullopt;
    tag.end = at;
    return tag;
  }

  // {% raw %} ... {% endraw %}, nothing when there is none here.
  std::optional<Status> lex_raw_block() {
    const auto open = match_word_tag(at_, "raw");
    if (!open) return std::nullopt;
    for (size_t tag = text_.find("{%", open->end); tag != std::string_view::npos;
         tag = text_.find("{%", tag + 2)) {
      const auto close = match_word_tag(tag, "endraw");
      if (!close) continue;
      std::string_view body = text_.substr(open->end, tag - open->end);
      if (close->strip_before) body = strip_right(body);
      const size_t end = open->end + body.size();
      if (open->strip_after) body = strip_left(body);
      if (!body.empty()) add(TokenKind::kText, end - body.size(), end);
      at_ = close->end;
      if (close->strip_after) skip_spaces();
      return Status{};
    }
    return fail_at(ErrorKind::kBadFile, positions_.at(at_), "{% raw %} is never closed by {% endraw %}");
  }

  Status lex_inside(bool statement, Position opened) {
    const std::string_view close = statement ? "%}" : "}}";
    size_t braces = 0;
    while (true) {
      skip_spaces();
      if (at_ >= text_.size()) {
        return fail_at(ErrorKind::kBadFile, opened, "the tag ", statement ? "{%" : "{{", " is never closed");
      }
      const size_t begin = at_;
      const bool strips = text_[at_] == '-' && text_.substr(at_ + 1).starts_with(close);
      const bool keeps = statement && text_[at_] == '+' && text_.substr(at_ + 1).starts_with(close);
      if (strips || keeps || (looking_at(close) && (statement || braces == 0))) {
        at_ += close.size() + (strips || keeps ? 1 : 0);
        add(statement ? TokenKind::kCloseStatement : TokenKind::kCloseExpression, begin, at_);
        if (strips) skip_spaces();
        return {};
      }
      if (text_[at_] == '{') ++braces;
      if (text_[at_] == '}' && braces > 0) --braces;
      NIBBLE_CHECK_OK(lex_token());
    }
  }

  Status lex_token() {
    const size_t begin = at_;
    const char c = text_[at_];
    if (c == '"' || c == '\'') return lex_string(c);
    if (is_digit(c)) {
      lex_number();
      return {};
    }
    if (is_name_start(c)) {
      while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
      add(TokenKind::kName, begin, at_);
      return {};
    }
    for (std::string_view two : {"**", "//", "==", "!=", "<=", ">="}) {
      if (looking_at(two)) {
        at_ += 2;
        add(TokenKind::kPunctuation, begin, at_);
        return {};
      }
    }
    constexpr std::string_view kSingles = "()[]{},.:|<>+-~*/%=";
    if (kSingles.find(c) == std::string_view::npos) {
      const CodePoint code = code_point_at(text_, begin);
      const bool visible = code.value != kInvalidCodePoint && code.value > 0x20 && code.value != 0x7F;
      const std::string shown = visible ? concat("'", text_.substr(begin, code.length), "'")
                                        : concat("byte ", int{static_cast<unsigned char>(c)});
      return fail_at(ErrorKind::kBadFile, positions_.at(begin), "unexpected ", shown, " within a tag");
    }
    ++at_;
    add(TokenKind::kPunctuation, begin, at_);
    return {};
  }

  Status lex_string(char quote) {
    const size_t open = at_++;
    while (at_ < text_.size() && text_[at_] != quote) at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) {
      return fail_at(ErrorKind::kBadFile, positions_.at(open), "the string is never closed");
    }
    add(TokenKind::kString, open + 1, at_);
    ++at_;
    return {};
  }

  // 12, 1_000, 1.5, 2e-3. After a dot only an index can stand: a.0.1
  void lex_number() {
    const size_t begin = at_;
    const bool index =
        !tokens_.empty() && tokens_.back().text == "." && tokens_.back().kind == TokenKind::kPunctuation;
    const auto digits = [&] {
      while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '_')) ++at_;
    };
    const auto digit_at = [&](size_t at) { return at < text_.size() && is_digit(text_[at]); };
    digits();
    if (!index && at_ < text_.size() && text_[at_] == '.' && digit_at(at_ + 1)) {
      ++at_;
      digits();
    }
    if (!index && at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      const bool sign = at_ + 1 < text_.size() && (text_[at_ + 1] == '+' || text_[at_ + 1] == '-');
      if (digit_at(at_ + (sign ? 2 : 1))) {
        at_ += sign ? 2 : 1;
        digits();
      }
    }
    add(TokenKind::kNumber, begin, at_);
  }

  std::string_view text_;
  PositionCursor positions_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

// The value of exactly `count` hexadecimal digits at `at`.
std::optional<uint32_t> hex_digits(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return std::nullopt;
  uint32_t value = 0;
  const auto parsed = std::from_chars(text.data() + at, text.data() + at + count, value, 16);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + at + count) return std::nullopt;
  return value;
}

}  // namespace

Result<TokenStream> tokenize(std::string_view source) {
  PreparedSource prepared = prepare_source(source);
  TokenStream stream;
  stream.source = std::make_unique<const std::string>(std::move(prepared.text));
  NIBBLE_TRY(stream.tokens, Lexer(source, *stream.source, prepared.segments).run());
  return stream;
}

std::string unescape(std::string_view literal) {
  constexpr std::string_view kNames = "ntrbfva'\"\\", kValues = "\n\t\r\b\f\v\a'\"\\";
  std::string out;
  out.reserve(literal.size());
  for (size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\' || i + 1 >= literal.size()) {
      out += literal[i];
      continue;
    }
    const char name = literal[++i];
    const size_t digits = name == 'x' ? 2 : name == 'u' ? 4 : name == 'U' ? 8 : 0;
    if (const size_t known = kNames.find(name); known != std::string_view::npos) {
      out += kValues[known];
    } else if (auto value = hex_digits(literal, i + 1, digits); digits > 0 && value) {
      i += digits;
      // Two \u escapes may spell one code point as a surrogate pair.
      if (*value >= 0xD800 && *value < 0xDC00 && literal.substr(i + 1).starts_with("\\u")) {
        const auto low = hex_digits(literal, i + 3, 4);
        if (low && *low >= 0xDC00 && *low < 0xE000) {
          value = 0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00);
          i += 6;
        }
      }
      append_code_point(out, *value);
    } else if (name != '\n') {  // a backslash before a line end joins the lines
      out += '\\';
      out += name;
    }
  }
  return out;
}

}  // namespace nibble::jinja
