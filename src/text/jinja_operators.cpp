// Arithmetic, comparison, concatenation and membership; subscripts, slices and iteration.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "text/jinja_builtins.h"
#include "text/jinja_convert.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

using Op = BinaryOperator;

constexpr std::string_view kOperatorNames[] = {"+",  "-",  "~", "*",  "/", "//", "%",  "**",
                                               "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
std::string_view name_of(Op op) { return kOperatorNames[static_cast<size_t>(op)]; }

std::unexpected<Error> no_operator(Op op, const Value& left, const Value& right) {
  return fail(ErrorKind::kInvalidArgument, "no operator ", name_of(op), " between ", left.kind_name(),
              " and ", right.kind_name());
}

template <class T>
bool compare(Op op, const T& left, const T& right) {
  switch (op) {
    case Op::kLess:
      return left < right;
    case Op::kLessEqual:
      return left <= right;
    case Op::kGreater:
      return left > right;
    default:
      return left >= right;
  }
}

bool is_ordering(Op op) {
  return op == Op::kLess || op == Op::kLessEqual || op == Op::kGreater || op == Op::kGreaterEqual;
}

Result<Value> integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (bool overflow = false; exponent > 0; exponent >>= 1) {
    if (exponent & 1) overflow = __builtin_mul_overflow(result, base, &result);
    if (overflow || (exponent > 1 && __builtin_mul_overflow(base, base, &base))) {
      return fail(ErrorKind::kInvalidArgument, "the power is beyond 64 bits");
    }
  }
  return Value(result);
}

Result<Value> integer_arithmetic(Op op, int64_t left, int64_t right) {
  int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case Op::kAdd:
      overflow = __builtin_add_overflow(left, right, &result);
      break;
    case Op::kSubtract:
      overflow = __builtin_sub_overflow(left, right, &result);
      break;
    case Op::kMultiply:
      overflow = __builtin_mul_overflow(left, right, &result);
      break;
    case Op::kPower:
      return integer_power(left, right);
    default: {  // // and %: the remainder has the sign of the left side, as in JavaScript; // rounds down
      if (right == 0) return fail(ErrorKind::kInvalidArgument, "division by zero");
      if (right == -1) {
        if (op == Op::kModulo) return Value(0);
        overflow = __builtin_sub_overflow(int64_t{0}, left, &result);
        break;
      }
      const int64_t remainder = left % right;
      result =
          op == Op::kModulo ? remainder : left / right - (remainder != 0 && (remainder < 0) != (right < 0));
    }
  }
  if (overflow) return fail(ErrorKind::kInvalidArgument, "the result of ", name_of(op), " is beyond 64 bits");
  return Value(result);
}

Result<Value> float_arithmetic(Op op, double left, double right) {
  if ((op == Op::kDivide || op == Op::kFloorDivide || op == Op::kModulo) && right == 0) {
    return fail(ErrorKind::kInvalidArgument, "division by zero");
  }
  switch (op) {
    case Op::kAdd:
      return Value(left + right);
    case Op::kSubtract:
      return Value(left - right);
    case Op::kMultiply:
      return Value(left * right);
    case Op::kDivide:
      return Value(left / right);
    case Op::kFloorDivide:
      return Value(std::floor(left / right));
    case Op::kModulo:
      return Value(std::fmod(left, right));
    default:
      break;
  }
  const double power = std::pow(left, right);
  if (!std::isfinite(power)) return fail(ErrorKind::kInvalidArgument, "the power is no finite number");
  return Value(power);
}

Result<Value> arithmetic(Op op, const Value& left, const Value& right) {
  const bool integers = !left.is_float() && !right.is_float();
  const double a = *as_number(left), b = *as_number(right);
  const auto integer = [](const Value& value) {
    return value.is_bool() ? int64_t{value.as_bool()} : value.as_integer();
  };
  if (is_ordering(op))
    return Value(integers ? compare(op, integer(left), integer(right)) : compare(op, a, b));
  const bool whole = integers && op != Op::kDivide && !(op == Op::kPower && b < 0);
  return whole ? integer_arithmetic(op, integer(left), integer(right)) : float_arithmetic(op, a, b);
}

Result<Value> concatenate(const Value& left, const Value& right, Budget& budget) {
  BoundedText text(budget);
  NIBBLE_CHECK_OK(append_operand(text, left));
  NIBBLE_CHECK_OK(append_operand(text, right));
  return text.take();
}

Result<Value> repeat(const Value& value, int64_t times, Budget& budget) {
  const size_t count = times > 0 ? static_cast<size_t>(times) : 0;
  if (value.is_string()) {
    BoundedText text(budget);
    if (!value.as_string().empty()) NIBBLE_CHECK_OK(text.append(count, value.as_string()));
    return text.take();
  }
  const List& items = value.as_list();
  if (!items.empty() && count > kMaxRange / items.size()) {
    return fail(ErrorKind::kLimit, "a repeated list of more than ", kMaxRange, " items");
  }
  NIBBLE_CHECK_OK(budget.spend(count));
  List repeated;
  repeated.reserve(count * items.size());
  for (size_t i = 0; i < count && !items.empty(); ++i)
    repeated.insert(repeated.end(), items.begin(), items.end());
  return budget.list(std::move(repeated));
}

Result<bool> is_member(const Value& item, const Value& container, Budget& budget) {
  if (container.is_undefined()) return false;
  // A list in a list is refused: no deep equality here, and a quiet "no" would be wrong.
  if (container.is_list() && !item.is_undefined() && !item.is_none() && !item.is_list()) {
    for (const Value& each : container.as_list()) {
      NIBBLE_CHECK_OK(budget.scan(each.is_string() && item.is_string() ? item.as_string().size() : 0));
      if (strictly_equal(each, item)) return true;
    }
    return false;
  }
  if (container.is_dict() && item.is_string()) return container.as_dict().find(item.as_string()) != nullptr;
  if (container.is_string() && item.is_string()) {
    NIBBLE_CHECK_OK(budget.scan(container.as_string().size()));
    return find_text(container.as_string(), item.as_string()) != std::string_view::npos;
  }
  return fail(ErrorKind::kInvalidArgument, "no operator in between ", item.kind_name(), " and ",
              container.kind_name());
}

Result<Value> concatenate_lists(const List& left, const List& right, Budget& budget) {
  NIBBLE_CHECK_OK(budget.allocate((left.size() + right.size()) * sizeof(Value)));
  List joined = left;
  joined.insert(joined.end(), right.begin(), right.end());
  return budget.list(std::move(joined));
}

}  // namespace

Result<Value> apply_binary(Op op, const Value& left, const Value& right, Budget& budget) {
  if (op == Op::kEqual || op == Op::kNotEqual) {
    NIBBLE_TRY(const bool equal, loosely_equal(left, right, budget));
    return Value(equal == (op == Op::kEqual));
  }
  if (op == Op::kIn || op == Op::kNotIn) {
    NIBBLE_TRY(const bool member, is_member(left, right, budget));
    return Value(member == (op == Op::kIn));
  }
  if (left.is_undefined() || right.is_undefined() || left.is_none() || right.is_none()) {
    return no_operator(op, left, right);
  }
  if (op == Op::kConcat) return concatenate(left, right, budget);
  const bool numbers =
      (left.is_number() && right.is_number()) || (op == Op::kPower && as_number(left) && as_number(right));
  if (numbers) return arithmetic(op, left, right);
  if (op == Op::kAdd) {
    if (left.is_list() && right.is_list()) return concatenate_lists(left.as_list(), right.as_list(), budget);
    if (left.is_string() || right.is_string()) return concatenate(left, right, budget);
  }
  if (op == Op::kMultiply) {
    if ((left.is_string() || left.is_list()) && right.is_integer())
      return repeat(left, right.as_integer(), budget);
    if (left.is_integer() && (right.is_string() || right.is_list()))
      return repeat(right, left.as_integer(), budget);
  }
  if (is_ordering(op) && left.is_string() && right.is_string()) {
    NIBBLE_CHECK_OK(budget.scan(std::min(left.as_string().size(), right.as_string().size())));
    return Value(compare(op, left.as_string(), right.as_string()));
  }
  return no_operator(op, left, right);
}

Result<List> iterate(const Value& value, Budget& budget) {
  List items;
  if (value.is_list()) {
    NIBBLE_CHECK_OK(budget.spend(value.as_list().size() / 8 + 1));
    return value.as_list();
  }
  if (value.is_dict()) {
    for (const auto& entry : value.as_dict().entries()) {
      NIBBLE_TRY(Value key, budget.text(entry.first));
      items.push_back(std::move(key));
    }
    return items;
  }
  if (value.is_string()) {
    const std::string_view text = value.as_string();
    for (size_t at = 0; at < text.size();) {
      const CodePoint code = code_point_at(text, at);
      NIBBLE_CHECK_OK(budget.spend(1));
      NIBBLE_TRY(Value character, budget.text(std::string(text.substr(at, code.length))));
      items.push_back(std::move(character));
      at += code.length;
    }
    return items;
  }
  return fail(ErrorKind::kInvalidArgument, "cannot iterate over a value of kind ", value.kind_name());
}

Result<Value> subscript(const Value& object, const Value& key, Budget& budget) {
  if (!key.is_integer() || !(object.is_list() || object.is_string())) {
    return fail(ErrorKind::kInvalidArgument, "an item of ", object.kind_name(), " by a key of kind ",
                key.kind_name());
  }
  int64_t index = key.as_integer();
  if (object.is_list()) {
    const auto size = static_cast<int64_t>(object.as_list().size());
    if (index < 0) index += size;
    if (index < 0 || index >= size) return undefined();
    return object.as_list()[static_cast<size_t>(index)];
  }
  const std::string_view text = object.as_string();
  NIBBLE_CHECK_OK(budget.scan(text.size()));
  if (index < 0) index += static_cast<int64_t>(code_point_count(text));
  if (index < 0) return undefined();
  for (size_t at = 0; at < text.size(); --index) {
    const CodePoint code = code_point_at(text, at);
    if (index == 0) return budget.text(std::string(text.substr(at, code.length)));
    at += code.length;
  }
  return undefined();
}

Value attribute_path(const Value& item, std::string_view path) {
  Value value = item;
  while (true) {
    const size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    const Value* next = nullptr;
    if (value.is_dict()) next = value.as_dict().find(part);
    if (value.is_namespace()) next = value.as_namespace().attributes.find(part);
    if (value.is_list()) {
      size_t index = 0;
      const auto parsed = std::from_chars(part.data(), part.data() + part.size(), index);
      if (parsed.ec == std::errc{} && index < value.as_list().size()) next = &value.as_list()[index];
    }
    if (!next) return {};
    value = Value(*next);
    if (dot == std::string_view::npos) return value;
    path.remove_prefix(dot + 1);
  }
}

}  // namespace nibble::jinja
