// The syntax tree of a template. Depth is bounded when it is built (kMaxSyntaxDepth, kMaxNesting), so walking
// it may recurse.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_lexer.h"
#include "text/jinja_value.h"

namespace nibble::jinja {

constexpr uint32_t kMaxSyntaxDepth = 200;  // operators in a row or within each other
constexpr uint32_t kMaxNesting = 100;      // brackets and blocks within each other

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;
using Symbol = uint32_t;  // index into Program::symbols
// The names with a meaning of their own come first in every program.
enum SpecialSymbol : Symbol { kLoopSymbol, kCallerSymbol, kVarargsSymbol, kKwargsSymbol, kSpecialSymbols };

struct Arguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> keywords;
  ExpressionPtr spread;          // *list
  ExpressionPtr keyword_spread;  // **dict
  bool written = false;          // whether there were parentheses at all
};

struct FilterCall {
  std::string name;
  Arguments arguments;
};

enum class BinaryOperator : uint8_t {
  kAdd,
  kSubtract,
  kConcat,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

// Expressions
struct Literal {
  Value value;
};
struct Name {
  Symbol symbol;
};
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Subscript {
  ExpressionPtr object;
  ExpressionPtr key;
};
struct Slice {
  ExpressionPtr object;
  ExpressionPtr start, stop, step;  // each may be absent
};
struct Call {
  ExpressionPtr callee;
  Arguments arguments;
};
struct Filter {
  ExpressionPtr operand;
  FilterCall call;
};
struct Test {
  ExpressionPtr operand;
  std::string name;
  Arguments arguments;
  bool negated = false;
};
struct Not {
  ExpressionPtr operand;
};
struct Sign {
  ExpressionPtr operand;
  bool negative = false;
};
struct Binary {
  BinaryOperator op;
  ExpressionPtr left, right;
};
// a < b <= c: every link holds, each operand evaluated once.
struct Ordering {
  ExpressionPtr first;
  std::vector<std::pair<BinaryOperator, ExpressionPtr>> links;
};
struct Logic {
  bool conjunction;  // and; otherwise or
  ExpressionPtr left, right;
};
// `value if condition else otherwise`; without an else it is undefined, and in a for tag it filters.
struct Conditional {
  ExpressionPtr condition, value, otherwise;
};
struct ListLiteral {
  std::vector<ExpressionPtr> items;
  bool tuple = false;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

struct Expression {
  Position at;
  uint32_t depth = 1;
  std::variant<Literal, Name, Attribute, Subscript, Slice, Call, Filter, Test, Not, Sign, Binary, Ordering,
               Logic, Conditional, ListLiteral, DictLiteral>
      node;
};

// Statements
struct Statement;
using Body = std::vector<Statement>;

struct Text {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct Set {
  std::vector<ExpressionPtr> targets;  // names, or attributes of namespaces; several unpack a list
  ExpressionPtr value;                 // absent in {% set x %}body{% endset %}
  std::vector<FilterCall> filters;     // {% set x | upper %}
  Body body;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  std::vector<Symbol> targets;
  bool unpack = false;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // may be absent
  Body body, otherwise;
};
struct Parameter {
  Symbol symbol;
  ExpressionPtr fallback;  // may be absent
};
struct Macro {
  std::string name;
  Symbol symbol = 0;
  std::vector<Parameter> parameters;
  bool takes_varargs = false, takes_kwargs = false;  // the body reads `varargs`, `kwargs`
  Body body;
};
struct CallBlock {
  Macro caller;
  ExpressionPtr call;  // a Call
};
struct FilterBlock {
  std::vector<FilterCall> filters;
  Body body;
};
struct With {
  std::vector<std::pair<Symbol, ExpressionPtr>> variables;
  Body body;
};
struct Do {
  ExpressionPtr value;
};
struct Break {};
struct Continue {};

struct Statement {
  Position at;
  std::variant<Text, Output, Set, If, For, Macro, CallBlock, FilterBlock, With, Do, Break, Continue> node;
};

struct Program {
  Body body;
  std::vector<std::string> symbols;  // names of variables; Symbol indexes them
};

}  // namespace nibble::jinja
