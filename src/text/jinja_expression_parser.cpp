#include "text/jinja_expression_parser.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace nibble::jinja {
namespace {

struct OperatorName {
  std::string_view text;
  BinaryOperator op;
};
// From loose to tight, each level left-associative (so 2 ** 3 ** 2 is (2 ** 3) ** 2, as in Jinja).
constexpr std::array<std::array<OperatorName, 4>, 3> kLevels{{
    {{{"+", BinaryOperator::kAdd}, {"-", BinaryOperator::kSubtract}, {"~", BinaryOperator::kConcat}, {}}},
    {{{"*", BinaryOperator::kMultiply},
      {"/", BinaryOperator::kDivide},
      {"//", BinaryOperator::kFloorDivide},
      {"%", BinaryOperator::kModulo}}},
    {{{"**", BinaryOperator::kPower}, {}, {}, {}}},
}};
constexpr OperatorName kComparisons[] = {
    {"==", BinaryOperator::kEqual},  {"!=", BinaryOperator::kNotEqual},
    {"<", BinaryOperator::kLess},    {"<=", BinaryOperator::kLessEqual},
    {">", BinaryOperator::kGreater}, {">=", BinaryOperator::kGreaterEqual},
};
bool is_ordering(BinaryOperator op) {
  return op == BinaryOperator::kLess || op == BinaryOperator::kLessEqual || op == BinaryOperator::kGreater ||
         op == BinaryOperator::kGreaterEqual;
}
constexpr std::string_view kReserved[] = {"and", "or", "not", "in", "is", "if", "else"};
// Tests that take their argument without parentheses, too: x is divisibleby 3
constexpr std::string_view kTestsOfTwo[] = {"divisibleby", "equalto",  "eq", "ne",    "lt", "le", "gt", "ge",
                                            "greaterthan", "lessthan", "in", "sameas"};

template <class Range>
bool contains(const Range& range, std::string_view name) {
  return std::find(std::begin(range), std::end(range), name) != std::end(range);
}

uint32_t depth_of(const ExpressionPtr& expression) { return expression ? expression->depth : 0; }

uint32_t depth_of(const Arguments& arguments) {
  uint32_t depth = std::max(depth_of(arguments.spread), depth_of(arguments.keyword_spread));
  for (const auto& argument : arguments.positional) depth = std::max(depth, depth_of(argument));
  for (const auto& keyword : arguments.keywords) depth = std::max(depth, depth_of(keyword.second));
  return depth;
}

}  // namespace

bool ExpressionParser::names_since(size_t begin, std::string_view text) const {
  return std::any_of(
      tokens_.begin() + static_cast<ptrdiff_t>(begin), tokens_.begin() + static_cast<ptrdiff_t>(at_),
      [&](const Token& token) { return token.kind == TokenKind::kName && token.text == text; });
}

bool ExpressionParser::accept_punctuation(std::string_view text) {
  if (!is_punctuation(text)) return false;
  advance();
  return true;
}

bool ExpressionParser::accept_name(std::string_view text) {
  if (!is_name(text)) return false;
  advance();
  return true;
}

Status ExpressionParser::expect_punctuation(std::string_view text) {
  if (!accept_punctuation(text)) return unexpected(text);
  return {};
}

Result<std::string_view> ExpressionParser::expect_name(std::string_view what) {
  if (!is(TokenKind::kName)) return unexpected(what);
  const std::string_view name = current().text;
  advance();
  return name;
}

std::unexpected<Error> ExpressionParser::unexpected(std::string_view wanted) const {
  const Token& found = current();
  constexpr size_t kShown = 40;
  const std::string_view shown = found.text.substr(0, kShown);
  if (found.kind == TokenKind::kEnd) {
    return fail_at(ErrorKind::kBadFile, found.at, "expected ", wanted, ", found the end of the template");
  }
  return fail_at(ErrorKind::kBadFile, found.at, "expected ", wanted, ", found '", shown, "'");
}

Status ExpressionParser::enter() {
  if (++nesting_ > kMaxNesting) {
    return fail_at(ErrorKind::kLimit, current().at, "nested deeper than ", kMaxNesting, " levels");
  }
  return {};
}

Symbol ExpressionParser::intern(std::string_view name) {
  const auto [entry, added] =
      symbol_index_.try_emplace(std::string(name), static_cast<Symbol>(symbols_.size()));
  if (added) symbols_.emplace_back(name);
  return entry->second;
}

Result<ExpressionPtr> ExpressionParser::parse_expression() {
  NIBBLE_CHECK_OK(enter());
  auto parsed = parse_conditional();
  leave();
  return parsed;
}

Result<ExpressionPtr> ExpressionParser::parse_sequence(bool in_brackets) {
  const Position at = current().at;
  ListLiteral list;
  list.tuple = true;
  uint32_t depth = 0;
  if (!(in_brackets && is_punctuation(")"))) {
    NIBBLE_TRY(ExpressionPtr first, parse_expression());
    if (!is_punctuation(",")) return first;
    depth = first->depth;
    list.items.push_back(std::move(first));
  }
  while (accept_punctuation(",")) {
    if (is_punctuation(")") || is_punctuation("=") || is(TokenKind::kCloseStatement)) break;  // (1,)
    NIBBLE_TRY(ExpressionPtr item, parse_expression());
    depth = std::max(depth, item->depth);
    list.items.push_back(std::move(item));
  }
  return make(at, depth, std::move(list));
}

Result<ExpressionPtr> ExpressionParser::parse_conditional() {
  NIBBLE_TRY(ExpressionPtr value, parse_or());
  if (!is_name("if")) return value;
  const Position at = current().at;
  advance();
  Conditional conditional;
  NIBBLE_TRY(conditional.condition, parse_or());
  if (accept_name("else")) {
    NIBBLE_TRY(conditional.otherwise, parse_expression());
  }
  conditional.value = std::move(value);
  const uint32_t depth = std::max(
      {depth_of(conditional.condition), depth_of(conditional.value), depth_of(conditional.otherwise)});
  return make(at, depth, std::move(conditional));
}

Result<ExpressionPtr> ExpressionParser::parse_or() {
  NIBBLE_TRY(ExpressionPtr left, parse_and());
  while (is_name("or")) {
    const Position at = current().at;
    advance();
    NIBBLE_TRY(ExpressionPtr right, parse_and());
    const uint32_t depth = std::max(left->depth, right->depth);
    NIBBLE_TRY(left, make(at, depth, Logic{false, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_and() {
  NIBBLE_TRY(ExpressionPtr left, parse_not());
  while (is_name("and")) {
    const Position at = current().at;
    advance();
    NIBBLE_TRY(ExpressionPtr right, parse_not());
    const uint32_t depth = std::max(left->depth, right->depth);
    NIBBLE_TRY(left, make(at, depth, Logic{true, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_not() {
  if (!is_name("not")) return parse_comparison();
  const Position at = current().at;
  advance();
  NIBBLE_CHECK_OK(enter());
  auto operand = parse_not();
  leave();
  if (!operand) return operand;
  const uint32_t depth = (*operand)->depth;
  return make(at, depth, Not{*std::move(operand)});
}

// == != < <= > >= in, not in; nothing when there is none here.
std::optional<BinaryOperator> ExpressionParser::accept_comparison() {
  for (const OperatorName& name : kComparisons) {
    if (accept_punctuation(name.text)) return name.op;
  }
  if (accept_name("in")) return BinaryOperator::kIn;
  if (!is_name("not") || next().kind != TokenKind::kName || next().text != "in") return std::nullopt;
  advance();
  advance();
  return BinaryOperator::kNotIn;
}

// a < b <= c asks for both, as in Python. All other comparisons in a row are left-associative, as the
// reference implementation has them: a == b in c is (a == b) in c.
Result<ExpressionPtr> ExpressionParser::parse_comparison() {
  const Position at = current().at;
  NIBBLE_TRY(ExpressionPtr left, parse_binary(0));
  while (auto op = accept_comparison()) {
    NIBBLE_TRY(ExpressionPtr right, parse_binary(0));
    uint32_t depth = std::max(left->depth, right->depth);
    if (!is_ordering(*op)) {
      NIBBLE_TRY(left, make(at, depth, Binary{*op, std::move(left), std::move(right)}));
      continue;
    }
    Ordering ordering;
    ordering.first = std::move(left);
    ordering.links.emplace_back(*op, std::move(right));
    while (is(TokenKind::kPunctuation)) {
      const auto* link = std::find_if(
          std::begin(kComparisons), std::end(kComparisons),
          [&](const OperatorName& name) { return is_ordering(name.op) && name.text == current().text; });
      if (link == std::end(kComparisons)) break;
      advance();
      NIBBLE_TRY(ExpressionPtr operand, parse_binary(0));
      depth = std::max(depth, operand->depth);
      ordering.links.emplace_back(link->op, std::move(operand));
    }
    NIBBLE_TRY(left, make(at, depth, std::move(ordering)));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_binary(size_t level) {
  if (level == kLevels.size()) return parse_filters_and_tests();
  NIBBLE_TRY(ExpressionPtr left, parse_binary(level + 1));
  while (is(TokenKind::kPunctuation)) {
    const auto& names = kLevels[level];
    const auto* named = std::find_if(names.begin(), names.end(),
                                     [&](const OperatorName& name) { return name.text == current().text; });
    if (named == names.end()) break;
    const Position at = current().at;
    advance();
    NIBBLE_TRY(ExpressionPtr right, parse_binary(level + 1));
    const uint32_t depth = std::max(left->depth, right->depth);
    NIBBLE_TRY(left, make(at, depth, Binary{named->op, std::move(left), std::move(right)}));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::parse_filters_and_tests() {
  NIBBLE_TRY(ExpressionPtr operand, parse_sign());
  while (true) {
    if (is_punctuation("|")) {
      const Position at = next().at;
      advance();
      NIBBLE_TRY(FilterCall call, parse_filter_call());
      const uint32_t depth = std::max(operand->depth, depth_of(call.arguments));
      NIBBLE_TRY(operand, make(at, depth, Filter{std::move(operand), std::move(call)}));
    } else if (is_name("is")) {
      NIBBLE_TRY(operand, parse_test(std::move(operand)));
    } else {
      return operand;
    }
  }
}

Result<FilterCall> ExpressionParser::parse_filter_call() {
  FilterCall call;
  NIBBLE_TRY(call.name, expect_name("the name of a filter"));
  if (is_punctuation("(")) {
    NIBBLE_TRY(call.arguments, parse_arguments());
  }
  return call;
}

Result<ExpressionPtr> ExpressionParser::parse_test(ExpressionPtr operand) {
  advance();  // is
  Test test;
  test.negated = accept_name("not");
  const Position at = current().at;
  NIBBLE_TRY(test.name, expect_name("the name of a test"));
  const auto operand_follows = [&] {
    return is(TokenKind::kString) || is(TokenKind::kNumber) || is_punctuation("[") || is_punctuation("{") ||
           (is(TokenKind::kName) && !contains(kReserved, current().text));
  };
  if (is_punctuation("(")) {
    NIBBLE_TRY(test.arguments, parse_arguments());
  } else if (contains(kTestsOfTwo, test.name) && operand_follows()) {
    NIBBLE_TRY(ExpressionPtr argument, parse_postfix());
    test.arguments.positional.push_back(std::move(argument));
  }
  const uint32_t depth = std::max(operand->depth, depth_of(test.arguments));
  test.operand = std::move(operand);
  return make(at, depth, std::move(test));
}

Result<ExpressionPtr> ExpressionParser::parse_sign() {
  if (!is_punctuation("-") && !is_punctuation("+")) return parse_postfix();
  const Token sign = current();
  advance();
  NIBBLE_CHECK_OK(enter());
  auto operand = parse_sign();
  leave();
  if (!operand) return operand;
  const uint32_t depth = (*operand)->depth;
  return make(sign.at, depth, Sign{*std::move(operand), sign.text == "-"});
}

Result<ExpressionPtr> ExpressionParser::parse_postfix() {
  NIBBLE_TRY(ExpressionPtr object, parse_primary());
  while (true) {
    if (is_punctuation(".")) {
      NIBBLE_TRY(object, parse_attribute(std::move(object)));
    } else if (is_punctuation("[")) {
      NIBBLE_TRY(object, parse_subscript(std::move(object)));
    } else if (is_punctuation("(")) {
      const Position at = object->at;
      NIBBLE_TRY(Arguments arguments, parse_arguments());
      const uint32_t depth = std::max(object->depth, depth_of(arguments));
      NIBBLE_TRY(object, make(at, depth, Call{std::move(object), std::move(arguments)}));
    } else {
      return object;
    }
  }
}

}  // namespace nibble::jinja
