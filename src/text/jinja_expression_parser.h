// The expression half of the parser, and the walk over the tokens that both halves share.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "text/jinja_ast.h"

namespace nibble::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
    for (std::string_view special : {"loop", "caller", "varargs", "kwargs"}) intern(special);
  }

  const Token& current() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  void advance() { at_ += at_ + 1 < tokens_.size() ? 1 : 0; }
  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_punctuation(std::string_view text) const {
    return is(TokenKind::kPunctuation) && current().text == text;
  }
  bool is_name(std::string_view text) const { return is(TokenKind::kName) && current().text == text; }
  size_t offset() const { return at_; }
  // Whether a name token `text` stands between the offset `begin` and the current token.
  bool names_since(size_t begin, std::string_view text) const;
  bool accept_punctuation(std::string_view text);
  bool accept_name(std::string_view text);
  Status expect_punctuation(std::string_view text);
  Result<std::string_view> expect_name(std::string_view what);
  // "expected X, found Y" at the current token.
  std::unexpected<Error> unexpected(std::string_view wanted) const;

  Result<ExpressionPtr> parse_expression();
  // One expression, or several with commas between them as a list. `in_brackets` allows an empty one.
  Result<ExpressionPtr> parse_sequence(bool in_brackets = false);
  Result<ExpressionPtr> parse_postfix();  // a name, literal or (...) with its .x, [x] and (x)
  Result<FilterCall> parse_filter_call();
  Result<Arguments> parse_arguments();  // from "(" to ")"

  Symbol intern(std::string_view name);
  std::vector<std::string> take_symbols() { return std::move(symbols_); }

  // Counts nesting of blocks and expressions together; the caller leaves what it entered.
  Status enter();
  void leave() { --nesting_; }

 private:
  Result<ExpressionPtr> parse_conditional();
  Result<ExpressionPtr> parse_or();
  Result<ExpressionPtr> parse_and();
  Result<ExpressionPtr> parse_not();
  std::optional<BinaryOperator> accept_comparison();
  Result<ExpressionPtr> parse_comparison();
  Result<ExpressionPtr> parse_binary(size_t level);
  Result<ExpressionPtr> parse_filters_and_tests();
  Result<ExpressionPtr> parse_sign();
  Result<ExpressionPtr> parse_test(ExpressionPtr operand);
  Result<ExpressionPtr> parse_primary();
  Result<ExpressionPtr> parse_name();
  Result<ExpressionPtr> parse_number();
  Result<ExpressionPtr> parse_list();
  Result<ExpressionPtr> parse_dict();
  Result<ExpressionPtr> parse_subscript(ExpressionPtr object);
  Result<ExpressionPtr> parse_attribute(ExpressionPtr object);
  Status parse_argument(Arguments& arguments);

  // `child_depth` is the depth of the deepest child; take it before the children move into `node`.
  template <class Node>
  static Result<ExpressionPtr> make(Position at, uint32_t child_depth, Node node) {
    if (child_depth >= kMaxSyntaxDepth) {
      return fail_at(ErrorKind::kLimit, at, "an expression of more than ", kMaxSyntaxDepth, " levels");
    }
    return std::make_unique<Expression>(Expression{at, child_depth + 1, std::move(node)});
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t nesting_ = 0;
  std::vector<std::string> symbols_;
  std::unordered_map<std::string, Symbol> symbol_index_;
};

}  // namespace nibble::jinja
