// Filters of text. Those that are methods of strings, too, are the methods (jinja_methods.cpp).
#include "text/jinja_convert.h"
#include "text/jinja_filters.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

// A filter that is the string method of the same name.
Result<Value> as_method(std::string_view name, const Value& operand, const CallArguments& arguments,
                        Budget& budget) {
  if (!operand.is_string()) return cannot_filter(name, operand);
  return call_method(name, operand, arguments, budget);
}

// trim, trim("chars"): unlike the method strip(), the filter heeds its argument.
Result<Value> filter_trim(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const std::string_view text, filter_text("trim", operand, budget));
  const Value* characters = arguments.find(0, "chars");
  if (!characters || !characters->is_string()) return budget.text(std::string(strip_left(strip_right(text))));
  const auto is_cut = [&](size_t at, uint32_t length) {
    return find_text(characters->as_string(), text.substr(at, length)) != std::string_view::npos;
  };
  NIBBLE_CHECK_OK(budget.scan(text.size()));
  size_t begin = 0, end = text.size();
  while (begin < end) {
    const CodePoint code = code_point_at(text, begin);
    NIBBLE_CHECK_OK(budget.scan(characters->as_string().size()));
    if (!is_cut(begin, code.length)) break;
    begin += code.length;
  }
  while (end > begin) {
    const CodePoint code = code_point_before(text, end);
    NIBBLE_CHECK_OK(budget.scan(characters->as_string().size()));
    if (!is_cut(end - code.length, code.length)) break;
    end -= code.length;
  }
  return budget.text(std::string(text.substr(begin, end - begin)));
}

// indent(width=4, first=false, blank=false); width may be the text to indent with.
Result<Value> filter_indent(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const std::string_view text, filter_text("indent", operand, budget));
  const Value* width = arguments.find(0, "width");
  std::string_view unit = " ";
  size_t count = 4;
  if (width && width->is_string()) {
    unit = width->as_string();
    count = 1;
  } else if (width && width->is_integer()) {
    if (width->as_integer() < 0) return fail(ErrorKind::kInvalidArgument, "indent by a negative width");
    count = static_cast<size_t>(width->as_integer());
  } else if (width) {
    return cannot_filter("indent", *width);
  }
  const bool first = arguments.flag(1, "first"), blank = arguments.flag(2, "blank");
  BoundedText out(budget);
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if ((begin > 0 || first) && (end > begin || blank)) NIBBLE_CHECK_OK(out.append(count, unit));
    NIBBLE_CHECK_OK(out.append(text.substr(begin, end - begin + (end < text.size() ? 1 : 0))));
    begin = end + 1;
  }
  return out.take();
}

Result<Value> filter_escape(const Value& operand, const CallArguments&, Budget& budget) {
  NIBBLE_TRY(const std::string_view text, filter_text("escape", operand, budget));
  BoundedText out(budget);
  for (size_t at = 0; at < text.size();) {
    const size_t special = std::min(text.find_first_of("&<>\"'", at), text.size());
    NIBBLE_CHECK_OK(out.append(text.substr(at, special - at)));
    if (special < text.size()) {
      const char c = text[special];
      NIBBLE_CHECK_OK(out.append(c == '&'   ? "&amp;"
                                 : c == '<' ? "&lt;"
                                 : c == '>' ? "&gt;"
                                 : c == '"' ? "&#34;"
                                            : "&#39;"));
    }
    at = special + 1;
  }
  return out.take();
}

Result<Value> filter_wordcount(const Value& operand, const CallArguments&, Budget& budget) {
  NIBBLE_TRY(const std::string_view text, filter_text("wordcount", operand, budget));
  size_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    const bool space = is_space(code.value);
    words += !space && !inside;
    inside = !space;
    at += code.length;
  }
  return Value(words);
}

constexpr FilterEntry kTextFilters[] = {
    {"capitalize",
     [](const Value& v, const CallArguments& a, Budget& b) { return as_method("capitalize", v, a, b); }},
    {"e", filter_escape},
    {"escape", filter_escape},
    {"indent", filter_indent},
    {"lower", [](const Value& v, const CallArguments& a, Budget& b) { return as_method("lower", v, a, b); }},
    {"replace",
     [](const Value& v, const CallArguments& a, Budget& b) { return as_method("replace", v, a, b); }},
    {"title", [](const Value& v, const CallArguments& a, Budget& b) { return as_method("title", v, a, b); }},
    {"trim", filter_trim},
    {"upper", [](const Value& v, const CallArguments& a, Budget& b) { return as_method("upper", v, a, b); }},
    {"wordcount", filter_wordcount},
};

}  // namespace

std::span<const FilterEntry> text_filters() { return kTextFilters; }

}  // namespace nibble::jinja
