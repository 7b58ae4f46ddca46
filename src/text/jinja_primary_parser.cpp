// The innermost parts of expressions: literals, names, subscripts and argument lists.
#include <algorithm>
#include <charconv>

#include "text/jinja_expression_parser.h"

namespace nibble::jinja {
Result<ExpressionPtr> ExpressionParser::parse_attribute(ExpressionPtr object) {
  advance();  // .
  const Token name = current();
  const uint32_t depth = object->depth;
  if (name.kind == TokenKind::kNumber) {
    NIBBLE_TRY(ExpressionPtr index, parse_number());
    return make(name.at, depth, Subscript{std::move(object), std::move(index)});
  }
  NIBBLE_TRY(const std::string_view text, expect_name("a name after the dot"));
  return make(name.at, depth, Attribute{std::move(object), std::string(text)});
}

Result<ExpressionPtr> ExpressionParser::parse_subscript(ExpressionPtr object) {
  const Position at = current().at;
  advance();  // [
  ExpressionPtr parts[3];
  size_t colons = 0;
  uint32_t depth = object->depth;
  while (!is_punctuation("]")) {
    if (is_punctuation(":") && colons < 2) {
      ++colons;
      advance();
      continue;
    }
    if (parts[colons]) return unexpected("]");
    NIBBLE_TRY(parts[colons], parse_expression());
    depth = std::max(depth, parts[colons]->depth);
  }
  if (colons == 0 && !parts[0]) return unexpected("an index");
  advance();  // ]
  if (colons == 0) return make(at, depth, Subscript{std::move(object), std::move(parts[0])});
  Slice slice{std::move(object), std::move(parts[0]), std::move(parts[1]), std::move(parts[2])};
  return make(at, depth, std::move(slice));
}

Result<ExpressionPtr> ExpressionParser::parse_primary() {
  const Token token = current();
  if (token.kind == TokenKind::kName) return parse_name();
  if (token.kind == TokenKind::kNumber) return parse_number();
  if (token.kind == TokenKind::kString) {
    std::string text;
    for (; is(TokenKind::kString); advance()) text += unescape(current().text);
    return make(token.at, 0, Literal{Value(std::move(text))});
  }
  if (is_punctuation("[")) return parse_list();
  if (is_punctuation("{")) return parse_dict();
  if (!accept_punctuation("(")) return unexpected("an expression");
  NIBBLE_TRY(ExpressionPtr inner, parse_sequence(true));
  NIBBLE_CHECK_OK(expect_punctuation(")"));
  return inner;
}

Result<ExpressionPtr> ExpressionParser::parse_name() {
  const Token token = current();
  for (std::string_view word : {"and", "or", "not", "in", "is", "if", "else"}) {
    if (token.text == word) return unexpected("an expression");
  }
  advance();
  if (token.text == "true" || token.text == "True") return make(token.at, 0, Literal{Value(true)});
  if (token.text == "false" || token.text == "False") return make(token.at, 0, Literal{Value(false)});
  if (token.text == "none" || token.text == "None") return make(token.at, 0, Literal{Value(nullptr)});
  return make(token.at, 0, Name{intern(token.text)});
}

Result<ExpressionPtr> ExpressionParser::parse_number() {
  const Token token = current();
  std::string digits(token.text);
  std::erase(digits, '_');
  advance();
  const char* end = digits.data() + digits.size();
  int64_t integer = 0;
  const auto whole = std::from_chars(digits.data(), end, integer);
  if (whole.ec == std::errc{} && whole.ptr == end) return make(token.at, 0, Literal{Value(integer)});
  double number = 0;
  const auto parsed = std::from_chars(digits.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) {
    return fail_at(ErrorKind::kBadFile, token.at, "the number ", digits.substr(0, 40), " is out of range");
  }
  return make(token.at, 0, Literal{Value(number)});
}

Result<ExpressionPtr> ExpressionParser::parse_list() {
  const Position at = current().at;
  advance();  // [
  ListLiteral list;
  uint32_t depth = 0;
  while (!is_punctuation("]")) {
    NIBBLE_TRY(ExpressionPtr item, parse_expression());
    depth = std::max(depth, item->depth);
    list.items.push_back(std::move(item));
    if (!accept_punctuation(",") && !is_punctuation("]")) return unexpected(", or ]");
  }
  advance();
  return make(at, depth, std::move(list));
}

Result<ExpressionPtr> ExpressionParser::parse_dict() {
  const Position at = current().at;
  advance();  // {
  DictLiteral dict;
  uint32_t depth = 0;
  while (!is_punctuation("}")) {
    NIBBLE_TRY(ExpressionPtr key, parse_expression());
    NIBBLE_CHECK_OK(expect_punctuation(":"));
    NIBBLE_TRY(ExpressionPtr value, parse_expression());
    depth = std::max({depth, key->depth, value->depth});
    dict.entries.emplace_back(std::move(key), std::move(value));
    if (!accept_punctuation(",") && !is_punctuation("}")) return unexpected(", or }");
  }
  advance();
  return make(at, depth, std::move(dict));
}

Result<Arguments> ExpressionParser::parse_arguments() {
  NIBBLE_CHECK_OK(expect_punctuation("("));
  Arguments arguments;
  arguments.written = true;
  while (!is_punctuation(")")) {
    NIBBLE_CHECK_OK(parse_argument(arguments));
    if (!accept_punctuation(",") && !is_punctuation(")")) return unexpected(", or )");
  }
  advance();
  return arguments;
}

Status ExpressionParser::parse_argument(Arguments& arguments) {
  if (arguments.keyword_spread) return unexpected(") after the ** argument");
  if (accept_punctuation("**")) {
    NIBBLE_TRY(arguments.keyword_spread, parse_expression());
    return {};
  }
  if (is_punctuation("*")) {
    if (arguments.spread) return unexpected("at most one * argument");
    advance();
    NIBBLE_TRY(arguments.spread, parse_expression());
    return {};
  }
  if (is(TokenKind::kName) && next().kind == TokenKind::kPunctuation && next().text == "=") {
    std::string name(current().text);
    advance();
    advance();
    NIBBLE_TRY(ExpressionPtr value, parse_expression());
    arguments.keywords.emplace_back(std::move(name), std::move(value));
    return {};
  }
  if (!arguments.keywords.empty() || arguments.spread)
    return unexpected("keyword arguments only from here on");
  NIBBLE_TRY(ExpressionPtr value, parse_expression());
  arguments.positional.push_back(std::move(value));
  return {};
}

}  // namespace nibble::jinja
