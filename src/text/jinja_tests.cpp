// `value is test`, also behind select, reject, selectattr and rejectattr.
#include <cmath>

#include "text/jinja_builtins.h"
#include "text/jinja_convert.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

struct UnaryTest {
  std::string_view name;
  bool (*holds)(const Value& value);
};

constexpr UnaryTest kUnaryTests[] = {
    {"boolean", [](const Value& v) { return v.is_bool(); }},
    {"callable", [](const Value& v) { return v.is_callable(); }},
    {"defined", [](const Value& v) { return !v.is_undefined(); }},
    {"false", [](const Value& v) { return v.is_bool() && !v.as_bool(); }},
    {"float", [](const Value& v) { return v.is_float(); }},
    {"integer", [](const Value& v) { return v.is_integer(); }},
    // A dict is not: the reference implementation says so, and templates ask this to find lists of parts.
    {"iterable", [](const Value& v) { return v.is_list() || v.is_string(); }},
    {"lower", [](const Value& v) { return v.is_string() && to_lower(v.as_string()) == v.as_string(); }},
    {"mapping", [](const Value& v) { return v.is_dict(); }},
    {"none", [](const Value& v) { return v.is_none(); }},
    {"number", [](const Value& v) { return v.is_number(); }},
    {"sequence", [](const Value& v) { return v.is_list() || v.is_dict() || v.is_string(); }},
    {"string", [](const Value& v) { return v.is_string(); }},
    {"true", [](const Value& v) { return v.is_bool() && v.as_bool(); }},
    {"undefined", [](const Value& v) { return v.is_undefined(); }},
    {"upper", [](const Value& v) { return v.is_string() && to_upper(v.as_string()) == v.as_string(); }},
};

struct OrderingTest {
  std::string_view name;
  BinaryOperator op;
};
constexpr OrderingTest kOrderingTests[] = {
    {"lt", BinaryOperator::kLess},
    {"lessthan", BinaryOperator::kLess},
    {"le", BinaryOperator::kLessEqual},
    {"gt", BinaryOperator::kGreater},
    {"greaterthan", BinaryOperator::kGreater},
    {"ge", BinaryOperator::kGreaterEqual},
    {"in", BinaryOperator::kIn},
};

Result<bool> divisible(const Value& value, const Value& divisor, std::string_view test) {
  if (!value.is_integer() || !divisor.is_integer() || divisor.as_integer() == 0) {
    return fail(ErrorKind::kInvalidArgument, "the test ", test, " needs integers, found ", value.kind_name());
  }
  return divisor.as_integer() == -1 || value.as_integer() % divisor.as_integer() == 0;
}

}  // namespace

Result<bool> apply_test(std::string_view name, const Value& operand, const List& arguments, Budget& budget) {
  NIBBLE_CHECK_OK(budget.scan(operand.is_string() ? operand.as_string().size() : 0));
  for (const UnaryTest& test : kUnaryTests) {
    if (test.name == name) return test.holds(operand);
  }
  if (name == "even") return divisible(operand, Value(2), name);
  if (name == "odd") {
    NIBBLE_TRY(const bool even, divisible(operand, Value(2), name));
    return !even;
  }
  const Value argument = arguments.empty() ? Value() : arguments.front();
  if (name == "divisibleby") return divisible(operand, argument, name);
  if (name == "equalto" || name == "eq" || name == "==" || name == "sameas")
    return strictly_equal(operand, argument);
  if (name == "ne" || name == "!=") return !strictly_equal(operand, argument);
  for (const OrderingTest& test : kOrderingTests) {
    if (test.name != name) continue;
    NIBBLE_TRY(const Value holds, apply_binary(test.op, operand, argument, budget));
    return is_truthy(holds);
  }
  return fail(ErrorKind::kUnsupported, "unknown test '", name.substr(0, 40), "'");
}

}  // namespace nibble::jinja
