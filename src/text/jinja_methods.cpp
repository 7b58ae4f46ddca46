// Methods of strings, lists and dicts. Those of JavaScript's reference implementation behave as there:
// strip(), lstrip() and rstrip() cut white space whatever their argument says, title() and capitalize() leave
// the other letters alone.
#include <algorithm>
#include <iterator>

#include "text/jinja_builtins.h"
#include "text/jinja_convert.h"
#include "text/jinja_filters.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

struct StringMethod {
  std::string_view name;
  bool attribute;  // value.name without a call is a function, too; otherwise undefined
  Result<Value> (*function)(std::string_view text, const CallArguments& arguments, Budget& budget);
};

Result<Value> trimmed(std::string_view text, Budget& budget) { return budget.text(std::string(text)); }

Result<Value> method_title(std::string_view text, const CallArguments&, Budget& budget) {
  std::string out(text);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  bool inside = false;  // of a run of ASCII letters, digits and underscores
  for (char& c : out) {
    if (!inside && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    inside = is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  }
  return budget.text(std::move(out));
}

Result<Value> method_capitalize(std::string_view text, const CallArguments&, Budget& budget) {
  const size_t first = text.empty() ? 0 : code_point_at(text, 0).length;
  return budget.text(to_upper(text.substr(0, first)) + std::string(text.substr(first)));
}

// startswith(text) and endswith(text), where a list of texts asks for any of them.
Result<Value> matches_end(std::string_view text, const CallArguments& arguments, bool start) {
  if (arguments.positional.empty())
    return fail(ErrorKind::kInvalidArgument, "startswith and endswith need a text");
  const Value& wanted = arguments.positional.front();
  const auto matches = [&](const Value& part) {
    return start ? text.starts_with(part.as_string()) : text.ends_with(part.as_string());
  };
  if (wanted.is_string()) return Value(matches(wanted));
  const bool texts = wanted.is_list() && std::all_of(wanted.as_list().begin(), wanted.as_list().end(),
                                                     [](const Value& part) { return part.is_string(); });
  if (!texts)
    return fail(ErrorKind::kInvalidArgument, "startswith and endswith need texts, found ",
                wanted.kind_name());
  return Value(std::any_of(wanted.as_list().begin(), wanted.as_list().end(), matches));
}

// Words between white space; the last of a bounded split keeps what follows it.
Result<Value> split_words(std::string_view text, int64_t limit, Budget& budget) {
  List words;
  text = strip_left(text);
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size()) {
      const CodePoint code = code_point_at(text, end);
      if (is_space(code.value)) break;
      end += code.length;
    }
    const bool last = limit >= 0 && static_cast<int64_t>(words.size()) >= limit;
    NIBBLE_TRY(Value word, budget.text(std::string(text.substr(begin, last ? text.npos : end - begin))));
    words.push_back(std::move(word));
    if (last) break;
    begin = text.size() - strip_left(text.substr(end)).size();
  }
  return budget.list(std::move(words));
}

Result<Value> method_split(std::string_view text, const CallArguments& arguments, Budget& budget) {
  const Value* separator = arguments.find(0, "sep");
  NIBBLE_TRY(const int64_t limit, arguments.integer(1, "maxsplit", -1));
  if (!separator || separator->is_none()) return split_words(text, limit, budget);
  if (!separator->is_string() || separator->as_string().empty()) {
    return fail(ErrorKind::kInvalidArgument, "split needs a separator that is a text and not empty");
  }
  const std::string& between = separator->as_string();
  List parts;
  while (true) {
    const bool more = limit < 0 || static_cast<int64_t>(parts.size()) < limit;
    const size_t end = more ? find_text(text, between) : text.npos;
    NIBBLE_TRY(Value part, budget.text(std::string(text.substr(0, end))));
    parts.push_back(std::move(part));
    if (end == text.npos) break;
    text.remove_prefix(end + between.size());
  }
  return budget.list(std::move(parts));
}

Result<Value> method_rsplit(std::string_view text, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const std::string between, arguments.text(0, "sep", ""));
  NIBBLE_TRY(const int64_t limit, arguments.integer(1, "maxsplit", -1));
  if (between.empty()) return fail(ErrorKind::kInvalidArgument, "rsplit needs a separator");
  NIBBLE_TRY(const Value all, method_split(text, CallArguments{{Value(between)}, {}}, budget));
  const List& parts = all.as_list();
  if (limit < 0 || parts.size() <= static_cast<size_t>(limit)) return all;
  const size_t head = parts.size() - static_cast<size_t>(limit);
  BoundedText first(budget);
  for (size_t i = 0; i < head; ++i) {
    if (i > 0) NIBBLE_CHECK_OK(first.append(between));
    NIBBLE_CHECK_OK(first.append(parts[i].as_string()));
  }
  NIBBLE_TRY(Value joined, first.take());
  List kept{std::move(joined)};
  kept.insert(kept.end(), parts.begin() + static_cast<ptrdiff_t>(head), parts.end());
  return budget.list(std::move(kept));
}

Result<Value> method_replace(std::string_view text, const CallArguments& arguments, Budget& budget) {
  if (arguments.positional.size() < 2) return fail(ErrorKind::kInvalidArgument, "replace needs two texts");
  NIBBLE_TRY(const std::string before, arguments.text(0, "old", ""));
  NIBBLE_TRY(const std::string after, arguments.text(1, "new", ""));
  NIBBLE_TRY(const int64_t limit, arguments.integer(2, "count", -1));
  BoundedText out(budget);
  size_t at = 0;
  for (int64_t done = 0; limit < 0 || done < limit; ++done) {
    const size_t found = find_text(text, before, at);
    if (found == text.npos) break;
    NIBBLE_CHECK_OK(budget.spend(1));
    NIBBLE_CHECK_OK(out.append(text.substr(at, found - at)));
    NIBBLE_CHECK_OK(out.append(after));
    at = found + before.size();
    if (!before.empty()) continue;
    if (at == text.size()) break;
    const uint32_t length = code_point_at(text, at).length;  // an empty text is found between all code points
    NIBBLE_CHECK_OK(out.append(text.substr(at, length)));
    at += length;
  }
  NIBBLE_CHECK_OK(out.append(text.substr(at)));
  return out.take();
}

// find: the code point at which a text begins first, -1 without one.
Result<Value> method_find(std::string_view text, const CallArguments& arguments, Budget&) {
  NIBBLE_TRY(const std::string wanted, arguments.text(0, "sub", ""));
  const size_t found = find_text(text, wanted);
  return found == text.npos ? Value(-1) : Value(code_point_count(text.substr(0, found)));
}

// rfind: where it begins last, found from behind in the mirrored text, which stays linear.
Result<Value> method_rfind(std::string_view text, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const std::string wanted, arguments.text(0, "sub", ""));
  NIBBLE_CHECK_OK(budget.allocate(text.size() + wanted.size()));
  const std::string mirrored(text.rbegin(), text.rend());
  const size_t found = find_text(mirrored, std::string(wanted.rbegin(), wanted.rend()));
  return found == text.npos ? Value(-1)
                            : Value(code_point_count(text.substr(0, text.size() - found - wanted.size())));
}

Result<Value> method_count(std::string_view text, const CallArguments& arguments, Budget&) {
  NIBBLE_TRY(const std::string wanted, arguments.text(0, "sub", ""));
  if (wanted.empty()) return Value(code_point_count(text) + 1);
  size_t count = 0;
  for (size_t at = find_text(text, wanted); at != text.npos; at = find_text(text, wanted, at + wanted.size()))
    ++count;
  return Value(count);
}

Result<Value> method_splitlines(std::string_view text, const CallArguments&, Budget& budget) {
  List lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    NIBBLE_TRY(Value line, budget.text(std::string(text.substr(0, end))));
    lines.push_back(std::move(line));
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with("\r\n") ? 2 : text.empty() ? 0 : 1);
  }
  return budget.list(std::move(lines));
}

Result<Value> without_end(std::string_view text, const CallArguments& arguments, Budget& budget, bool start) {
  NIBBLE_TRY(const std::string end, arguments.text(0, "affix", ""));
  if (start && text.starts_with(end)) text.remove_prefix(end.size());
  if (!start && text.ends_with(end)) text.remove_suffix(end.size());
  return budget.text(std::string(text));
}

Result<Value> method_join(std::string_view text, const CallArguments& arguments, Budget& budget) {
  if (arguments.positional.empty()) return fail(ErrorKind::kInvalidArgument, "join needs a list");
  return apply_filter("join", arguments.positional.front(), CallArguments{{Value(text)}, {}}, budget);
}

// Whether all code points satisfy a test and there is one.
Result<Value> all_of(std::string_view text, bool (*holds)(uint32_t)) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    if (!holds(code.value)) return Value(false);
    at += code.length;
  }
  return Value(!text.empty());
}

constexpr StringMethod kStringMethods[] = {
    {"upper", true, [](auto t, auto&, auto& b) { return b.text(to_upper(t)); }},
    {"lower", true, [](auto t, auto&, auto& b) { return b.text(to_lower(t)); }},
    {"strip", true, [](auto t, auto&, auto& b) { return trimmed(strip_left(strip_right(t)), b); }},
    {"lstrip", true, [](auto t, auto&, auto& b) { return trimmed(strip_left(t), b); }},
    {"rstrip", true, [](auto t, auto&, auto& b) { return trimmed(strip_right(t), b); }},
    {"title", true, method_title},
    {"capitalize", true, method_capitalize},
    {"startswith", true, [](auto t, auto& a, auto&) { return matches_end(t, a, true); }},
    {"endswith", true, [](auto t, auto& a, auto&) { return matches_end(t, a, false); }},
    {"split", true, method_split},
    {"replace", true, method_replace},
    {"rsplit", false, method_rsplit},
    {"find", false, method_find},
    {"rfind", false, method_rfind},
    {"count", false, method_count},
    {"splitlines", false, method_splitlines},
    {"removeprefix", false, [](auto t, auto& a, auto& b) { return without_end(t, a, b, true); }},
    {"removesuffix", false, [](auto t, auto& a, auto& b) { return without_end(t, a, b, false); }},
    {"join", false, method_join},
    {"isdigit", false,
     [](auto t, auto&, auto&) { return all_of(t, [](uint32_t c) { return c >= '0' && c <= '9'; }); }},
    {"isspace", false, [](auto t, auto&, auto&) { return all_of(t, is_space); }},
};

const StringMethod* find_string_method(std::string_view name) {
  const auto* found = std::find_if(std::begin(kStringMethods), std::end(kStringMethods),
                                   [&](const StringMethod& method) { return method.name == name; });
  return found == std::end(kStringMethods) ? nullptr : found;
}

constexpr std::string_view kDictMethods[] = {"get", "items", "keys", "values", "dictsort"};

bool is_dict_method(std::string_view name) {
  return std::find(std::begin(kDictMethods), std::end(kDictMethods), name) != std::end(kDictMethods);
}

Result<Value> call_dict_method(std::string_view name, const Value& object, const CallArguments& arguments,
                               Budget& budget) {
  const Dict& dict = object.as_dict();
  if (name == "items" || name == "dictsort") return apply_filter(name, object, arguments, budget);
  if (name == "keys") return apply_filter("list", object, {}, budget);
  if (name == "values") {
    List values;
    for (const auto& entry : dict.entries()) values.push_back(entry.second);
    return budget.list(std::move(values));
  }
  const Value* key = arguments.find(0, "key");
  const Value* fallback = arguments.find(1, "default");
  if (!key || !key->is_string()) return fail(ErrorKind::kInvalidArgument, "get needs a key that is a string");
  const Value* found = dict.find(key->as_string());
  return found ? *found : fallback ? *fallback : Value(nullptr);
}

// index(item), count(item) of a list.
Result<Value> call_list_method(std::string_view name, const List& items, const CallArguments& arguments,
                               Budget& budget) {
  if (arguments.positional.empty()) return fail(ErrorKind::kInvalidArgument, name, " needs an item");
  const Value& wanted = arguments.positional.front();
  int64_t count = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    NIBBLE_CHECK_OK(budget.scan(items[i].is_string() ? items[i].as_string().size() : 0));
    if (!strictly_equal(items[i], wanted)) continue;
    if (name == "index") return Value(i);
    ++count;
  }
  if (name == "index") return fail(ErrorKind::kInvalidArgument, "the item is not in the list");
  return Value(count);
}

}  // namespace

bool has_method(const Value& object, std::string_view name) {
  if (object.is_string()) return find_string_method(name) != nullptr;
  if (object.is_dict()) return is_dict_method(name);
  return object.is_list() && (name == "index" || name == "count");
}

bool is_method_attribute(const Value& object, std::string_view name) {
  if (object.is_dict()) return is_dict_method(name);
  if (!object.is_string()) return false;
  const StringMethod* method = find_string_method(name);
  return method && method->attribute;
}

Result<Value> call_method(std::string_view name, const Value& object, const CallArguments& arguments,
                          Budget& budget) {
  if (object.is_dict()) return call_dict_method(name, object, arguments, budget);
  if (object.is_list()) return call_list_method(name, object.as_list(), arguments, budget);
  NIBBLE_CHECK_OK(budget.scan(object.as_string().size()));
  return find_string_method(name)->function(object.as_string(), arguments, budget);
}

}  // namespace nibble::jinja
