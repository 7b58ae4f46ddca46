#include "text/jinja_parser.h"

#include <algorithm>
#include <initializer_list>

#include "text/jinja_expression_parser.h"

namespace nibble::jinja {
namespace {

class StatementParser {
 public:
  explicit StatementParser(std::vector<Token> tokens) : in_(std::move(tokens)) {}

  Result<Program> run() {
    Program program;
    NIBBLE_TRY(program.body, parse_body({}, "", {}));
    program.symbols = in_.take_symbols();
    return program;
  }

 private:
  // Statements up to a tag that opens with one of `ends`, which becomes the current token. No `ends`: up to
  // the end of the template.
  Result<Body> parse_body(std::initializer_list<std::string_view> ends, std::string_view block,
                          Position opened) {
    NIBBLE_CHECK_OK(in_.enter());
    Body body;
    while (true) {
      if (in_.is(TokenKind::kEnd)) {
        if (ends.size() == 0) break;
        return fail_at(ErrorKind::kBadFile, opened, "{% ", block, " %} is never closed by {% ",
                       *(ends.end() - 1), " %}");
      }
      if (in_.is(TokenKind::kOpenStatement)) {
        bool at_end = false;
        for (std::string_view end : ends) {
          at_end |= in_.next().kind == TokenKind::kName && in_.next().text == end;
        }
        if (at_end) {
          in_.advance();
          break;
        }
      }
      NIBBLE_TRY(Statement statement, parse_statement());
      body.push_back(std::move(statement));
    }
    in_.leave();
    return body;
  }

  Result<Statement> parse_statement() {
    const Token token = in_.current();
    in_.advance();
    if (token.kind == TokenKind::kText) return Statement{token.at, Text{std::string(token.text)}};
    if (token.kind == TokenKind::kOpenExpression) {
      Output output;
      NIBBLE_TRY(output.value, in_.parse_sequence());
      if (!in_.is(TokenKind::kCloseExpression)) return in_.unexpected("}}");
      in_.advance();
      return Statement{token.at, std::move(output)};
    }
    const Position at = in_.current().at;
    NIBBLE_TRY(const std::string_view word, in_.expect_name("the name of a statement"));
    return parse_named_statement(word, at);
  }

  Result<Statement> parse_named_statement(std::string_view word, Position at) {
    if (word == "if") return parse_if(at);
    if (word == "for") return parse_for(at);
    if (word == "set") return parse_set(at);
    if (word == "macro") return parse_macro(at);
    if (word == "call") return parse_call_block(at);
    if (word == "filter") return parse_filter_block(at);
    if (word == "with") return parse_with(at);
    if (word == "do") return parse_do(at);
    if (word == "break" || word == "continue") {
      NIBBLE_CHECK_OK(close_tag());
      if (word == "break") return Statement{at, Break{}};
      return Statement{at, Continue{}};
    }
    for (std::string_view other : {"include", "import", "from", "extends", "block", "trans"}) {
      if (word == other)
        return fail_at(ErrorKind::kUnsupported, at, "{% ", word, " %} has no place in a chat template");
    }
    return fail_at(ErrorKind::kBadFile, at, "unknown statement '", word.substr(0, 40), "'");
  }

  Status close_tag() {
    if (!in_.is(TokenKind::kCloseStatement)) return in_.unexpected("%}");
    in_.advance();
    return {};
  }

  // The current token is the name of the closing tag.
  Status finish_block() {
    in_.advance();
    return close_tag();
  }

  Result<Statement> parse_if(Position at) {
    If node;
    while (true) {
      NIBBLE_TRY(ExpressionPtr condition, in_.parse_expression());
      NIBBLE_CHECK_OK(close_tag());
      NIBBLE_TRY(Body body, parse_body({"elif", "else", "endif"}, "if", at));
      node.branches.emplace_back(std::move(condition), std::move(body));
      if (!in_.accept_name("elif")) break;
    }
    if (in_.accept_name("else")) {
      NIBBLE_CHECK_OK(close_tag());
      NIBBLE_TRY(node.otherwise, parse_body({"endif"}, "if", at));
    }
    NIBBLE_CHECK_OK(finish_block());
    return Statement{at, std::move(node)};
  }

  Result<Statement> parse_for(Position at) {
    For node;
    const bool brackets = in_.accept_punctuation("(");
    do {
      NIBBLE_TRY(const std::string_view name, in_.expect_name("the name of a loop variable"));
      node.targets.push_back(in_.intern(name));
      if (in_.accept_punctuation(",")) node.unpack = true;
    } while (node.unpack && in_.is(TokenKind::kName) && !in_.is_name("in"));
    if (brackets) NIBBLE_CHECK_OK(in_.expect_punctuation(")"));
    if (!in_.accept_name("in")) return in_.unexpected("in");
    NIBBLE_TRY(node.iterable, in_.parse_sequence());
    // `for x in list if condition` reads like a conditional expression without an else.
    if (auto* filter = std::get_if<Conditional>(&node.iterable->node); filter && !filter->otherwise) {
      node.condition = std::move(filter->condition);
      ExpressionPtr list = std::move(filter->value);
      node.iterable = std::move(list);
    }
    if (in_.is_name("recursive"))
      return fail_at(ErrorKind::kUnsupported, at, "recursive loops are not supported");
    NIBBLE_CHECK_OK(close_tag());
    NIBBLE_TRY(node.body, parse_body({"else", "endfor"}, "for", at));
    if (in_.accept_name("else")) {
      NIBBLE_CHECK_OK(close_tag());
      NIBBLE_TRY(node.otherwise, parse_body({"endfor"}, "for", at));
    }
    NIBBLE_CHECK_OK(finish_block());
    return Statement{at, std::move(node)};
  }

  Result<Statement> parse_set(Position at) {
    Set node;
    do {
      NIBBLE_TRY(ExpressionPtr target, in_.parse_postfix());
      if (!std::holds_alternative<Name>(target->node) && !std::holds_alternative<Attribute>(target->node)) {
        return fail_at(ErrorKind::kBadFile, target->at,
                       "only a name or an attribute of a namespace can be set");
      }
      node.targets.push_back(std::move(target));
    } while (in_.accept_punctuation(","));
    if (in_.accept_punctuation("=")) {
      NIBBLE_TRY(node.value, in_.parse_sequence());
      NIBBLE_CHECK_OK(close_tag());
      return Statement{at, std::move(node)};
    }
    while (in_.accept_punctuation("|")) {
      NIBBLE_TRY(FilterCall call, in_.parse_filter_call());
      node.filters.push_back(std::move(call));
    }
    NIBBLE_CHECK_OK(close_tag());
    NIBBLE_TRY(node.body, parse_body({"endset"}, "set", at));
    NIBBLE_CHECK_OK(finish_block());
    return Statement{at, std::move(node)};
  }

  Status parse_parameters(Macro& macro) {
    NIBBLE_CHECK_OK(in_.expect_punctuation("("));
    while (!in_.is_punctuation(")")) {
      const Position at = in_.current().at;
      Parameter parameter;
      NIBBLE_TRY(const std::string_view name, in_.expect_name("the name of a parameter"));
      parameter.symbol = in_.intern(name);
      for (const Parameter& earlier : macro.parameters) {
        if (earlier.symbol == parameter.symbol) {
          return fail_at(ErrorKind::kBadFile, at, "the parameter '", name, "' is declared twice");
        }
      }
      if (in_.accept_punctuation("=")) {
        NIBBLE_TRY(parameter.fallback, in_.parse_expression());
      } else if (!macro.parameters.empty() && macro.parameters.back().fallback) {
        return fail_at(ErrorKind::kBadFile, at, "the parameter '", name,
                       "' needs a default like those before it");
      }
      macro.parameters.push_back(std::move(parameter));
      if (!in_.accept_punctuation(",") && !in_.is_punctuation(")")) return in_.unexpected(", or )");
    }
    in_.advance();
    return {};
  }

  // The body of a macro or call block. Reading `varargs` or `kwargs` there makes it take any number of them.
  Status parse_macro_body(Macro& macro, std::string_view block, std::string_view end, Position at) {
    NIBBLE_CHECK_OK(close_tag());
    const size_t begin = in_.offset();
    NIBBLE_TRY(macro.body, parse_body({end}, block, at));
    const auto takes = [&](Symbol symbol, std::string_view name) {
      const auto is_it = [&](const Parameter& parameter) { return parameter.symbol == symbol; };
      return in_.names_since(begin, name) &&
             std::none_of(macro.parameters.begin(), macro.parameters.end(), is_it);
    };
    macro.takes_varargs = takes(kVarargsSymbol, "varargs");
    macro.takes_kwargs = takes(kKwargsSymbol, "kwargs");
    in_.advance();
    return {};
  }

  Result<Statement> parse_macro(Position at) {
    Macro macro;
    NIBBLE_TRY(macro.name, in_.expect_name("the name of the macro"));
    macro.symbol = in_.intern(macro.name);
    NIBBLE_CHECK_OK(parse_parameters(macro));
    NIBBLE_CHECK_OK(parse_macro_body(macro, "macro", "endmacro", at));
    if (in_.is(TokenKind::kName) && in_.current().text == macro.name) in_.advance();
    NIBBLE_CHECK_OK(close_tag());
    return Statement{at, std::move(macro)};
  }

  Result<Statement> parse_call_block(Position at) {
    CallBlock block;
    block.caller.name = "caller";
    block.caller.symbol = kCallerSymbol;
    if (in_.is_punctuation("(")) NIBBLE_CHECK_OK(parse_parameters(block.caller));
    NIBBLE_TRY(block.call, in_.parse_postfix());
    if (!std::holds_alternative<Call>(block.call->node)) {
      return fail_at(ErrorKind::kBadFile, block.call->at, "{% call %} needs the call of a macro");
    }
    NIBBLE_CHECK_OK(parse_macro_body(block.caller, "call", "endcall", at));
    NIBBLE_CHECK_OK(close_tag());
    return Statement{at, std::move(block)};
  }

  Result<Statement> parse_filter_block(Position at) {
    FilterBlock block;
    do {
      NIBBLE_TRY(FilterCall call, in_.parse_filter_call());
      block.filters.push_back(std::move(call));
    } while (in_.accept_punctuation("|"));
    NIBBLE_CHECK_OK(close_tag());
    NIBBLE_TRY(block.body, parse_body({"endfilter"}, "filter", at));
    NIBBLE_CHECK_OK(finish_block());
    return Statement{at, std::move(block)};
  }

  Result<Statement> parse_with(Position at) {
    With with;
    while (!in_.is(TokenKind::kCloseStatement)) {
      NIBBLE_TRY(const std::string_view name, in_.expect_name("the name of a variable"));
      NIBBLE_CHECK_OK(in_.expect_punctuation("="));
      NIBBLE_TRY(ExpressionPtr value, in_.parse_expression());
      with.variables.emplace_back(in_.intern(name), std::move(value));
      if (!in_.accept_punctuation(",")) break;
    }
    NIBBLE_CHECK_OK(close_tag());
    NIBBLE_TRY(with.body, parse_body({"endwith"}, "with", at));
    NIBBLE_CHECK_OK(finish_block());
    return Statement{at, std::move(with)};
  }

  Result<Statement> parse_do(Position at) {
    Do node;
    NIBBLE_TRY(node.value, in_.parse_expression());
    NIBBLE_CHECK_OK(close_tag());
    return Statement{at, std::move(node)};
  }

  ExpressionParser in_;
};

}  // namespace

Result<Program> parse_program(std::string_view source) {
  NIBBLE_TRY(TokenStream stream, tokenize(source));
  return StatementParser(std::move(stream.tokens)).run();
}

}  // namespace nibble::jinja
