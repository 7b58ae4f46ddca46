// Values as Python writes them, for `dict | string`: templates made for Python show tools to the model so
// (SmolLM3: "{'type': 'function', ...}"), and the reference implementation has no answer of its own.
#include <charconv>
#include <cmath>

#include "text/jinja_convert.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

using Kind = Value::Kind;

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  const double size = std::abs(number);
  if (size == 0 || (size >= 1e-4 && size < 1e16)) {
    const std::string text = javascript_number(number);
    return text.find('.') == text.npos ? float_text(number) : text;
  }
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr};
}

bool is_printable(uint32_t code) {
  if (code == ' ') return true;
  return code >= 0x20 && !(code >= 0x7F && code <= 0xA0) && code != 0xAD && !is_space(code) &&
         !(code >= 0x200B && code <= 0x200F) && !(code >= 0x202A && code <= 0x202E);
}

std::string string_repr(std::string_view text) {
  const bool single = text.find('\'') != text.npos, doubled = text.find('"') != text.npos;
  const char quote = single && !doubled ? '"' : '\'';
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    const uint32_t value = code.value == kInvalidCodePoint ? 0xFFFD : code.value;
    if (value == static_cast<uint32_t>(quote) || value == '\\') {
      out += '\\';
      out += static_cast<char>(value);
    } else if (value == '\n' || value == '\r' || value == '\t') {
      out += value == '\n' ? "\\n" : value == '\r' ? "\\r" : "\\t";
    } else if (!is_printable(value)) {
      const int digits = value < 0x100 ? 2 : value < 0x10000 ? 4 : 8;
      out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
      for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
    } else {
      append_code_point(out, value);
    }
    at += code.length;
  }
  out += quote;
  return out;
}

Status append_list(BoundedText& out, const List& items, uint32_t depth);
Status append_dict(BoundedText& out, const Dict& dict, uint32_t depth);

Status append(BoundedText& out, const Value& value, uint32_t depth) {
  if (depth > kMaxValueDepth)
    return fail(ErrorKind::kLimit, "a value nested deeper than ", kMaxValueDepth, " levels");
  switch (value.kind()) {
    case Kind::kUndefined:
      return out.append("Undefined");
    case Kind::kNone:
      return out.append("None");
    case Kind::kBool:
      return out.append(value.as_bool() ? "True" : "False");
    case Kind::kInteger:
      return out.append(std::to_string(value.as_integer()));
    case Kind::kFloat:
      return out.append(float_repr(value.as_float()));
    case Kind::kString:
      return out.append(string_repr(value.as_string()));
    case Kind::kList:
      return append_list(out, value.as_list(), depth);
    case Kind::kDict:
      return append_dict(out, value.as_dict(), depth);
    case Kind::kNamespace:
      return append_dict(out, value.as_namespace().attributes, depth);
    case Kind::kCallable:
      break;
  }
  return fail(ErrorKind::kInvalidArgument, "a callable cannot be shown; call it");
}

Status append_list(BoundedText& out, const List& items, uint32_t depth) {
  NIBBLE_CHECK_OK(out.append("["));
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) NIBBLE_CHECK_OK(out.append(", "));
    NIBBLE_CHECK_OK(append(out, items[i], depth + 1));
  }
  return out.append("]");
}

Status append_dict(BoundedText& out, const Dict& dict, uint32_t depth) {
  NIBBLE_CHECK_OK(out.append("{"));
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) NIBBLE_CHECK_OK(out.append(", "));
    first = false;
    NIBBLE_CHECK_OK(out.append(string_repr(key)));
    NIBBLE_CHECK_OK(out.append(": "));
    NIBBLE_CHECK_OK(append(out, value, depth + 1));
  }
  return out.append("}");
}

}  // namespace

Status append_python(BoundedText& out, const Value& value) { return append(out, value, 0); }

}  // namespace nibble::jinja
