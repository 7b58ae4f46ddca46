#include "text/jinja_convert.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

using Kind = Value::Kind;

constexpr std::string_view kDictText = "[object Map]";  // what JavaScript makes of a dict among text

// Items as JavaScript's Array.prototype.toString shows them.
Status append_item(BoundedText& out, const Value& item) {
  if (item.is_none() || item.is_undefined()) return out.append("undefined");
  return append_output(out, item);
}

Status append_items(BoundedText& out, const List& items) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) NIBBLE_CHECK_OK(out.append(","));
    first = false;
    NIBBLE_CHECK_OK(append_item(out, item));
  }
  return {};
}

Status append_json_string(BoundedText& out, std::string_view text, bool ascii) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  const auto escape = [&](uint32_t unit) {
    quoted += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) quoted += kHex[(unit >> shift) & 15];
  };
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt";
    const size_t named =
        code.value < 0x80 ? kEscaped.find(static_cast<char>(code.value)) : std::string_view::npos;
    const uint32_t value = code.value == kInvalidCodePoint ? 0xFFFD : code.value;
    if (named != std::string_view::npos) {
      quoted += '\\';
      quoted += kNames[named];
    } else if (value < 0x20 || (ascii && value >= 0x7F && value < 0x10000)) {
      escape(value);
    } else if (ascii && value >= 0x10000) {
      escape(0xD800 + ((value - 0x10000) >> 10));
      escape(0xDC00 + ((value - 0x10000) & 0x3FF));
    } else {
      append_code_point(quoted, value);
    }
    at += code.length;
    if (quoted.size() > 4096) {
      NIBBLE_CHECK_OK(out.append(quoted));
      quoted.clear();
    }
  }
  quoted += '"';
  return out.append(quoted);
}

class JsonWriter {
 public:
  JsonWriter(BoundedText& out, const JsonStyle& style) : out_(out), style_(style) {}

  Status write(const Value& value, uint32_t depth) {
    switch (value.kind()) {
      case Kind::kUndefined:
        return out_.append(style_.undefined);
      case Kind::kNone:
        return out_.append("null");
      case Kind::kBool:
        return out_.append(value.as_bool() ? "true" : "false");
      case Kind::kInteger:
        return out_.append(std::to_string(value.as_integer()));
      case Kind::kFloat:
        return out_.append(std::isfinite(value.as_float()) ? javascript_number(value.as_float()) : "null");
      case Kind::kString:
        return append_json_string(out_, value.as_string(), style_.ascii);
      case Kind::kList:
        return write_list(value.as_list(), depth);
      case Kind::kDict:
        return write_dict(value.as_dict(), depth);
      case Kind::kNamespace:
        return write_dict(value.as_namespace().attributes, depth);
      case Kind::kCallable:
        break;
    }
    return fail(ErrorKind::kInvalidArgument, "a callable has no JSON");
  }

 private:
  // Namespaces can contain themselves, so a bounded depth of each value is not enough.
  Status enter(uint32_t depth) const {
    if (depth <= kMaxValueDepth) return {};
    return fail(ErrorKind::kLimit, "JSON nested deeper than ", kMaxValueDepth, " levels");
  }

  Status line(uint32_t depth) {
    if (style_.indent == 0) return {};
    NIBBLE_CHECK_OK(out_.append("\n"));
    return out_.append(style_.indent * depth, " ");
  }

  Status write_list(const List& items, uint32_t depth) {
    NIBBLE_CHECK_OK(enter(depth));
    NIBBLE_CHECK_OK(out_.append("["));
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) NIBBLE_CHECK_OK(out_.append(style_.item_separator));
      NIBBLE_CHECK_OK(line(depth + 1));
      NIBBLE_CHECK_OK(write(items[i], depth + 1));
    }
    if (!items.empty()) NIBBLE_CHECK_OK(line(depth));
    return out_.append("]");
  }

  Status write_dict(const Dict& dict, uint32_t depth) {
    NIBBLE_CHECK_OK(enter(depth));
    std::vector<const Dict::Entry*> entries;
    for (const auto& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    NIBBLE_CHECK_OK(out_.append("{"));
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) NIBBLE_CHECK_OK(out_.append(style_.item_separator));
      NIBBLE_CHECK_OK(line(depth + 1));
      NIBBLE_CHECK_OK(append_json_string(out_, entries[i]->first, style_.ascii));
      NIBBLE_CHECK_OK(out_.append(style_.key_separator));
      NIBBLE_CHECK_OK(write(entries[i]->second, depth + 1));
    }
    if (!entries.empty()) NIBBLE_CHECK_OK(line(depth));
    return out_.append("}");
  }

  BoundedText& out_;
  const JsonStyle& style_;
};

// JavaScript's Number(text): the whole trimmed text must be a number; nothing is 0.
double number_of_text(std::string_view text) {
  text = strip_left(strip_right(text));
  if (text.empty()) return 0;
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  bool negative = false;
  if (text.front() == '+' || text.front() == '-') {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text == "Infinity") return negative ? -HUGE_VAL : HUGE_VAL;
  if (text.empty() || (text.front() != '.' && (text.front() < '0' || text.front() > '9'))) return kNaN;
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return kNaN;
  return negative ? -number : number;
}

bool is_missing(const Value& value) { return value.is_undefined() || value.is_none(); }

bool is_object(const Value& value) {
  return value.is_list() || value.is_dict() || value.is_namespace() || value.is_callable();
}

}  // namespace

bool is_truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return value.as_bool();
    case Kind::kInteger:
      return value.as_integer() != 0;
    case Kind::kFloat:
      return value.as_float() != 0 && !std::isnan(value.as_float());
    case Kind::kString:
      return !value.as_string().empty();
    case Kind::kList:
      return !value.as_list().empty();
    case Kind::kDict:
      return !value.as_dict().empty();
    case Kind::kNamespace:
    case Kind::kCallable:
      return true;
  }
  return false;
}

Status append_output(BoundedText& out, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return {};
    case Kind::kBool:
      return out.append(value.as_bool() ? "true" : "false");
    case Kind::kInteger:
      return out.append(std::to_string(value.as_integer()));
    case Kind::kFloat:
      return out.append(float_text(value.as_float()));
    case Kind::kString:
      return out.append(value.as_string());
    case Kind::kList:
    case Kind::kDict:
    case Kind::kNamespace: {
      JsonStyle style;
      style.undefined = "undefined";
      return append_json(out, value, style);
    }
    case Kind::kCallable:
      break;
  }
  return fail(ErrorKind::kInvalidArgument, "a callable cannot be shown; call it");
}

Status append_operand(BoundedText& out, const Value& value) {
  if (value.is_float()) return out.append(javascript_number(value.as_float()));
  if (value.is_list()) return append_items(out, value.as_list());
  if (value.is_dict() || value.is_namespace()) return out.append(kDictText);
  return append_output(out, value);
}

Status append_json(BoundedText& out, const Value& value, const JsonStyle& style) {
  return JsonWriter(out, style).write(value, 0);
}

std::string javascript_number(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  if (number == 0) return "0";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, std::abs(number), std::chars_format::scientific).ptr;
  const std::string_view shortest(buffer, static_cast<size_t>(end - buffer));
  const size_t e = shortest.find('e');
  std::string digits(shortest.substr(0, e));
  std::erase(digits, '.');
  int exponent = 0;
  const char* sign = shortest.data() + e + 1;
  std::from_chars(sign + (*sign == '+' ? 1 : 0), end, exponent);
  const int count = static_cast<int>(digits.size()), point = exponent + 1;
  std::string out = number < 0 ? "-" : "";
  if (point > 21 || point < -5) {
    out += digits[0];
    if (count > 1) out.append(1, '.').append(digits, 1);
    out += concat(exponent < 0 ? "e-" : "e+", std::abs(exponent));
  } else if (point <= 0) {
    out.append("0.").append(static_cast<size_t>(-point), '0').append(digits);
  } else if (count <= point) {
    out.append(digits).append(static_cast<size_t>(point - count), '0');
  } else {
    out.append(digits, 0, static_cast<size_t>(point))
        .append(1, '.')
        .append(digits, static_cast<size_t>(point));
  }
  return out;
}

std::string float_text(double number) {
  if (number == 0) return std::signbit(number) ? "-0.0" : "0.0";
  if (std::isfinite(number) && std::trunc(number) == number && std::abs(number) < 1e21) {
    char buffer[64];
    return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed, 1).ptr};
  }
  return javascript_number(number);
}

std::optional<double> as_number(const Value& value) {
  if (value.is_bool()) return value.as_bool() ? 1 : 0;
  if (value.is_integer()) return static_cast<double>(value.as_integer());
  if (value.is_float()) return value.as_float();
  return std::nullopt;
}

bool strictly_equal(const Value& left, const Value& right) {
  if (is_missing(left) || is_missing(right)) return is_missing(left) && is_missing(right);
  if (left.is_integer() && right.is_integer()) return left.as_integer() == right.as_integer();
  if (left.is_number() && right.is_number()) return *as_number(left) == *as_number(right);
  if (left.kind() != right.kind()) return false;
  if (left.is_bool()) return left.as_bool() == right.as_bool();
  if (left.is_string()) return left.as_string() == right.as_string();
  return left.identity() == right.identity();
}

Result<bool> loosely_equal(const Value& left, const Value& right, Budget& budget) {
  if (is_missing(left) || is_missing(right)) return is_missing(left) && is_missing(right);
  if (left.is_string() && right.is_string()) {
    NIBBLE_CHECK_OK(budget.scan(std::min(left.as_string().size(), right.as_string().size())));
    return left.as_string() == right.as_string();
  }
  if (left.kind() == right.kind() || (is_object(left) && is_object(right)))
    return strictly_equal(left, right);
  if (is_object(left)) return loosely_equal(right, left, budget);
  if (is_object(right)) {  // a list or dict against plain text or a number: its text counts
    if (right.is_callable()) return false;
    BoundedText text(budget);
    NIBBLE_CHECK_OK(append_operand(text, right));
    NIBBLE_TRY(const Value plain, text.take());
    return loosely_equal(left, plain, budget);
  }
  const auto number = [](const Value& value) {
    return value.is_string() ? number_of_text(value.as_string()) : *as_number(value);
  };
  return number(left) == number(right);
}

}  // namespace nibble::jinja
