// Finding a filter by name, and those of single values: numbers, JSON, defaults.
#include "text/jinja_filters.h"

#include <charconv>
#include <cmath>

#include "text/jinja_convert.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

Result<Value> filter_default(const Value& operand, const CallArguments& arguments, Budget&) {
  const Value* fallback = arguments.find(0, "default_value");
  if (operand.is_undefined() || (arguments.flag(1, "boolean") && !is_truthy(operand))) {
    return fallback ? *fallback : Value("");
  }
  return operand;
}

Result<Value> filter_string(const Value& operand, const CallArguments&, Budget& budget) {
  if (operand.is_string()) return operand;
  if (operand.is_none() || operand.is_undefined()) return cannot_filter("string", operand);
  BoundedText text(budget);
  NIBBLE_CHECK_OK(operand.is_dict() ? append_python(text, operand) : append_output(text, operand));
  return text.take();
}

Result<Value> filter_safe(const Value& operand, const CallArguments&, Budget&) { return operand; }

Result<JsonStyle> json_style(const CallArguments& arguments) {
  constexpr int64_t kMaxIndent = 100;
  constexpr size_t kKeywordOnly = SIZE_MAX;  // the reference implementation ignores positional arguments
  JsonStyle style;
  NIBBLE_TRY(const int64_t indent, arguments.integer(kKeywordOnly, "indent", 0));
  if (indent < 0 || indent > kMaxIndent) {
    return fail(ErrorKind::kInvalidArgument, "tojson indents by 0 to ", kMaxIndent, " spaces, found ",
                indent);
  }
  style.indent = static_cast<size_t>(indent);
  style.ascii = arguments.flag(kKeywordOnly, "ensure_ascii");
  style.sort_keys = arguments.flag(kKeywordOnly, "sort_keys");
  if (style.indent > 0) style.item_separator.assign(1, ',');
  if (const Value* separators = arguments.keywords.find("separators"); separators && !separators->is_none()) {
    const bool pair = separators->is_list() && separators->as_list().size() == 2 &&
                      separators->as_list()[0].is_string() && separators->as_list()[1].is_string();
    if (!pair) return fail(ErrorKind::kInvalidArgument, "the separators of tojson are two strings");
    style.item_separator = separators->as_list()[0].as_string();
    style.key_separator = separators->as_list()[1].as_string();
  }
  return style;
}

Result<Value> filter_tojson(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const JsonStyle style, json_style(arguments));
  BoundedText json(budget);
  NIBBLE_CHECK_OK(append_json(json, operand, style));
  return json.take();
}

// The number a text begins with, after white space: "12abc" is 12. Nothing when it begins with none.
template <class Number>
bool leading_number(std::string_view text, Number& number) {
  text = strip_left(text);
  if (text.starts_with('+') && !text.substr(1).starts_with('-')) text.remove_prefix(1);
  const std::string_view unsigned_text = text.starts_with('-') ? text.substr(1) : text;
  const bool digit = !unsigned_text.empty() && unsigned_text[0] >= '0' && unsigned_text[0] <= '9';
  const bool point = unsigned_text.starts_with('.');  // from_chars would take "inf" and "nan", too
  return (digit || point) &&
         std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{};
}

Result<Value> filter_int(const Value& operand, const CallArguments& arguments, Budget& budget) {
  const Value* fallback = arguments.find(0, "default");
  if (operand.is_string()) {
    NIBBLE_CHECK_OK(budget.scan(operand.as_string().size()));
    if (int64_t number = 0; leading_number(operand.as_string(), number)) return Value(number);
    return fallback ? *fallback : Value(0);
  }
  if (operand.is_bool()) return Value(operand.as_bool() ? 1 : 0);
  if (operand.is_integer()) return operand;
  if (operand.is_float()) {
    if (fallback) return operand;  // so the reference implementation does, with a default given
    constexpr double kLimit = 9.2e18;
    const double down = std::floor(operand.as_float());
    if (!(std::abs(down) < kLimit))
      return fail(ErrorKind::kInvalidArgument, "a float beyond 64 bits cannot be an int");
    return Value(static_cast<int64_t>(down));
  }
  return cannot_filter("int", operand);
}

Result<Value> filter_float(const Value& operand, const CallArguments& arguments, Budget& budget) {
  const Value* fallback = arguments.find(0, "default");
  if (operand.is_string()) {
    NIBBLE_CHECK_OK(budget.scan(operand.as_string().size()));
    if (double number = 0; leading_number(operand.as_string(), number)) return Value(number);
    return fallback ? *fallback : Value(0.0);
  }
  if (operand.is_integer() && fallback) return operand;
  if (const auto number = as_number(operand)) return Value(*number);
  return cannot_filter("float", operand);
}

Result<Value> filter_abs(const Value& operand, const CallArguments&, Budget& budget) {
  if (operand.is_float()) return Value(std::abs(operand.as_float()));
  if (!operand.is_integer()) return cannot_filter("abs", operand);
  if (operand.as_integer() >= 0) return operand;
  return apply_binary(BinaryOperator::kSubtract, Value(0), operand, budget);
}

Result<Value> filter_round(const Value& operand, const CallArguments& arguments, Budget&) {
  constexpr int64_t kMaxDigits = 300;
  const auto number = as_number(operand);
  if (!number) return cannot_filter("round", operand);
  NIBBLE_TRY(const int64_t digits, arguments.integer(0, "precision", 0));
  NIBBLE_TRY(const std::string method, arguments.text(1, "method", "common"));
  if (digits < -kMaxDigits || digits > kMaxDigits) {
    return fail(ErrorKind::kInvalidArgument, "round to at most ", kMaxDigits, " digits, found ", digits);
  }
  const double scale = std::pow(10.0, static_cast<double>(digits)), scaled = *number * scale;
  if (!std::isfinite(scaled) || !(scale > 0)) return Value(*number);
  if (method == "ceil") return Value(std::ceil(scaled) / scale);
  if (method == "floor") return Value(std::floor(scaled) / scale);
  if (method == "common") return Value(std::nearbyint(scaled) / scale);
  return fail(ErrorKind::kInvalidArgument, "round takes common, ceil or floor, found ", method);
}

constexpr FilterEntry kScalarFilters[] = {
    {"abs", filter_abs},     {"d", filter_default},     {"default", filter_default},
    {"float", filter_float}, {"int", filter_int},       {"round", filter_round},
    {"safe", filter_safe},   {"string", filter_string}, {"tojson", filter_tojson},
};

}  // namespace

std::span<const FilterEntry> scalar_filters() { return kScalarFilters; }

std::unexpected<Error> cannot_filter(std::string_view filter, const Value& operand) {
  return fail(ErrorKind::kInvalidArgument, "the filter ", filter, " cannot take a value of kind ",
              operand.kind_name());
}

Result<std::string_view> filter_text(std::string_view filter, const Value& operand, Budget& budget) {
  if (!operand.is_string()) return cannot_filter(filter, operand);
  NIBBLE_CHECK_OK(budget.scan(operand.as_string().size()));
  return operand.as_string();
}

Result<Value> apply_filter(std::string_view name, const Value& operand, const CallArguments& arguments,
                           Budget& budget) {
  for (const auto filters : {text_filters(), list_filters(), scalar_filters()}) {
    for (const FilterEntry& filter : filters) {
      if (filter.name == name) return filter.function(operand, arguments, budget);
    }
  }
  return fail(ErrorKind::kUnsupported, "unknown filter '", name.substr(0, 40), "'");
}

}  // namespace nibble::jinja
