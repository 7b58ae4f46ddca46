// Filters of lists and dicts: order, selection, grouping.
#include <algorithm>
#include <unordered_set>

#include "text/jinja_convert.h"
#include "text/jinja_filters.h"
#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

Result<Value> filter_length(const Value& operand, const CallArguments&, Budget& budget) {
  if (operand.is_list()) return Value(operand.as_list().size());
  if (operand.is_dict()) return Value(operand.as_dict().size());
  if (!operand.is_string()) return cannot_filter("length", operand);
  // Code points, as in Python; the reference implementation counts UTF-16 units.
  NIBBLE_CHECK_OK(budget.scan(4 * operand.as_string().size()));
  return Value(code_point_count(operand.as_string()));
}

Result<Value> filter_first(const Value& operand, const CallArguments&, Budget& budget) {
  if (operand.is_string()) return subscript(operand, Value(0), budget);
  NIBBLE_TRY(const List items, iterate(operand, budget));
  return items.empty() ? undefined() : Result<Value>(items.front());
}

Result<Value> filter_last(const Value& operand, const CallArguments&, Budget& budget) {
  if (operand.is_string()) return subscript(operand, Value(-1), budget);
  NIBBLE_TRY(const List items, iterate(operand, budget));
  return items.empty() ? undefined() : Result<Value>(items.back());
}

Result<Value> filter_list(const Value& operand, const CallArguments&, Budget& budget) {
  if (operand.is_list()) return operand;
  NIBBLE_TRY(List items, iterate(operand, budget));
  return budget.list(std::move(items));
}

Result<Value> filter_reverse(const Value& operand, const CallArguments&, Budget& budget) {
  if (operand.is_string()) return apply_slice(operand, {}, {}, Value(-1), budget);
  NIBBLE_TRY(List items, iterate(operand, budget));
  std::reverse(items.begin(), items.end());
  return budget.list(std::move(items));
}

Result<Value> filter_join(const Value& operand, const CallArguments& arguments, Budget& budget) {
  const Value* separator = arguments.find(0, "separator");
  if (!separator) separator = arguments.keywords.find("d");
  if (separator && !separator->is_string()) return cannot_filter("join", *separator);
  NIBBLE_TRY(const std::string attribute, arguments.text(1, "attribute", ""));
  NIBBLE_TRY(const List items, iterate(operand, budget));
  BoundedText text(budget);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0 && separator) NIBBLE_CHECK_OK(text.append(separator->as_string()));
    NIBBLE_CHECK_OK(append_operand(text, attribute.empty() ? items[i] : attribute_path(items[i], attribute)));
  }
  return text.take();
}

// What an item is sorted by: one kind within a list, numbers and booleans being one kind.
struct SortKey {
  Value value;
  std::string folded;  // of a string
  size_t index = 0;
};

Result<bool> comes_before(const SortKey& a, const SortKey& b, Budget& budget) {
  NIBBLE_CHECK_OK(budget.scan(std::min(a.folded.size(), b.folded.size())));
  const auto left = as_number(a.value), right = as_number(b.value);
  if (left && right) return *left < *right;
  if (a.value.is_string() && b.value.is_string()) return a.folded < b.folded;
  if (a.value.kind() == b.value.kind() && (a.value.is_none() || a.value.is_undefined())) return false;
  return fail(ErrorKind::kInvalidArgument, "cannot order ", a.value.kind_name(), " and ",
              b.value.kind_name());
}

// The order of the items by their keys; stable.
Result<std::vector<size_t>> sorted_order(const List& keys, bool case_sensitive, bool descending,
                                         Budget& budget) {
  std::vector<SortKey> order;
  for (size_t i = 0; i < keys.size(); ++i) {
    SortKey key{keys[i], {}, i};
    if (key.value.is_string()) {
      NIBBLE_CHECK_OK(budget.allocate(key.value.as_string().size()));
      key.folded = case_sensitive ? key.value.as_string() : to_lower(key.value.as_string());
    }
    order.push_back(std::move(key));
  }
  Status failed;
  std::stable_sort(order.begin(), order.end(), [&](const SortKey& a, const SortKey& b) {
    if (!failed) return false;
    const auto before = descending ? comes_before(b, a, budget) : comes_before(a, b, budget);
    if (!before) failed = std::unexpected(before.error());
    return before.value_or(false);
  });
  if (!failed) return std::unexpected(failed.error());
  std::vector<size_t> indices;
  for (const SortKey& key : order) indices.push_back(key.index);
  return indices;
}

Result<std::string> attribute_argument(const CallArguments& arguments, size_t index) {
  const Value* given = arguments.find(index, "attribute");
  if (given && given->is_integer()) return concat(given->as_integer());
  return arguments.text(index, "attribute", "");
}

Result<List> keys_of(const List& items, std::string_view attribute, Budget& budget) {
  NIBBLE_CHECK_OK(budget.allocate(items.size() * sizeof(Value)));
  List keys;
  for (const Value& item : items) keys.push_back(attribute.empty() ? item : attribute_path(item, attribute));
  return keys;
}

Result<Value> filter_sort(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  NIBBLE_TRY(const std::string attribute, attribute_argument(arguments, 2));
  NIBBLE_TRY(const List keys, keys_of(items, attribute, budget));
  NIBBLE_TRY(const auto order,
             sorted_order(keys, arguments.flag(1, "case_sensitive"), arguments.flag(0, "reverse"), budget));
  List sorted;
  for (size_t index : order) sorted.push_back(items[index]);
  return budget.list(std::move(sorted));
}

Result<Value> make_pair(const std::string& key, const Value& value, Budget& budget) {
  NIBBLE_TRY(Value name, budget.text(key));
  return budget.list({std::move(name), value});
}

Result<Value> filter_items(const Value& operand, const CallArguments&, Budget& budget) {
  if (!operand.is_dict()) return cannot_filter("items", operand);
  List pairs;
  for (const auto& [key, value] : operand.as_dict().entries()) {
    NIBBLE_TRY(Value pair, make_pair(key, value, budget));
    pairs.push_back(std::move(pair));
  }
  return budget.list(std::move(pairs));
}

Result<Value> filter_dictsort(const Value& operand, const CallArguments& arguments, Budget& budget) {
  if (!operand.is_dict()) return cannot_filter("dictsort", operand);
  NIBBLE_TRY(const std::string by, arguments.text(1, "by", "key"));
  if (by != "key" && by != "value") {
    return fail(ErrorKind::kInvalidArgument, "dictsort orders by key or value, found ", by);
  }
  NIBBLE_TRY(const Value pairs, filter_items(operand, {}, budget));
  NIBBLE_TRY(const List keys, keys_of(pairs.as_list(), by == "key" ? "0" : "1", budget));
  NIBBLE_TRY(const auto order,
             sorted_order(keys, arguments.flag(0, "case_sensitive"), arguments.flag(2, "reverse"), budget));
  List sorted;
  for (size_t index : order) sorted.push_back(pairs.as_list()[index]);
  return budget.list(std::move(sorted));
}

// Text that is the same for strictly equal values and no others.
std::string identity_text(const Value& value) {
  if (value.is_string()) return concat("s", value.as_string());
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_integer()) return concat("n", javascript_number(static_cast<double>(value.as_integer())));
  if (value.is_float()) return concat("n", javascript_number(value.as_float()));
  if (value.is_undefined() || value.is_none()) return "none";
  return concat(value.kind_name(), reinterpret_cast<uintptr_t>(value.identity()));
}

Result<Value> filter_unique(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  NIBBLE_TRY(const std::string attribute, attribute_argument(arguments, 1));
  List kept;
  std::unordered_set<std::string> seen;
  for (const Value& item : items) {
    std::string key = identity_text(attribute.empty() ? item : attribute_path(item, attribute));
    NIBBLE_CHECK_OK(budget.allocate(key.size() + sizeof(std::string)));
    if (seen.insert(std::move(key)).second) kept.push_back(item);
  }
  return budget.list(std::move(kept));
}

Status check_has_attributes(std::string_view filter, const List& items) {
  for (const Value& item : items) {
    if (!item.is_dict() && !item.is_namespace()) {
      return fail(ErrorKind::kInvalidArgument, filter, " by attribute needs dicts, found ", item.kind_name());
    }
  }
  return {};
}

// map(attribute="a.b", default=x), or map("filter", arguments...)
Result<Value> filter_map(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  List mapped;
  if (!arguments.positional.empty()) {
    NIBBLE_TRY(const std::string name, arguments.text(0, "filter", ""));
    CallArguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.keywords};
    for (const Value& item : items) {
      NIBBLE_CHECK_OK(budget.spend(1));
      if (name == "map") return fail(ErrorKind::kUnsupported, "map of map");
      NIBBLE_TRY(Value value, apply_filter(name, item, rest, budget));
      mapped.push_back(std::move(value));
    }
    return budget.list(std::move(mapped));
  }
  NIBBLE_TRY(const std::string attribute, attribute_argument(arguments, SIZE_MAX));
  if (attribute.empty()) return fail(ErrorKind::kInvalidArgument, "map needs a filter or an attribute");
  NIBBLE_CHECK_OK(check_has_attributes("map", items));
  const Value* fallback = arguments.keywords.find("default");
  for (const Value& item : items) {
    Value value = attribute_path(item, attribute);
    mapped.push_back(value.is_undefined() && fallback ? *fallback : std::move(value));
  }
  return budget.list(std::move(mapped));
}

// select, reject: items by a test. selectattr, rejectattr: by a test of an attribute; an item without it
// fails.
Result<Value> filter_select(const Value& operand, const CallArguments& arguments, Budget& budget,
                            bool by_attribute, bool keep) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  const size_t test_index = by_attribute ? 1 : 0;
  NIBBLE_TRY(const std::string attribute, arguments.text(by_attribute ? 0 : SIZE_MAX, "attribute", ""));
  if (by_attribute && attribute.empty())
    return fail(ErrorKind::kInvalidArgument, "no attribute to select by");
  if (by_attribute) NIBBLE_CHECK_OK(check_has_attributes("select", items));
  NIBBLE_TRY(const std::string test, arguments.text(test_index, "test", ""));
  List rest;
  for (size_t i = test_index + 1; i < arguments.positional.size(); ++i)
    rest.push_back(arguments.positional[i]);
  List kept;
  for (const Value& item : items) {
    NIBBLE_CHECK_OK(budget.spend(1));
    const Value value = by_attribute ? attribute_path(item, attribute) : item;
    bool holds = is_truthy(value);
    if (by_attribute && value.is_undefined()) {
      holds = false;
    } else if (!test.empty()) {
      NIBBLE_TRY(holds, apply_test(test, value, rest, budget));
    }
    if (holds == keep) kept.push_back(item);
  }
  return budget.list(std::move(kept));
}

template <bool kByAttribute, bool kKeep>
Result<Value> select_filter(const Value& operand, const CallArguments& arguments, Budget& budget) {
  return filter_select(operand, arguments, budget, kByAttribute, kKeep);
}

Result<Value> filter_sum(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  NIBBLE_TRY(const std::string attribute, attribute_argument(arguments, 0));
  const Value* start = arguments.find(1, "start");
  Value sum = start ? *start : Value(0);
  for (const Value& item : items) {
    NIBBLE_CHECK_OK(budget.spend(1));
    const Value value = attribute.empty() ? item : attribute_path(item, attribute);
    NIBBLE_TRY(sum, apply_binary(BinaryOperator::kAdd, sum, value, budget));
  }
  return sum;
}

template <bool kLargest>
Result<Value> extreme_filter(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  NIBBLE_TRY(const std::string attribute, attribute_argument(arguments, 1));
  NIBBLE_TRY(const List keys, keys_of(items, attribute, budget));
  NIBBLE_TRY(const auto order, sorted_order(keys, arguments.flag(0, "case_sensitive"), kLargest, budget));
  return order.empty() ? undefined() : Result<Value>(items[order.front()]);
}

Result<Value> filter_batch(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  NIBBLE_TRY(const int64_t size, arguments.integer(0, "linecount", 0));
  if (size < 1 || size > int64_t{kMaxRange}) {
    return fail(ErrorKind::kInvalidArgument, "batch takes 1 to ", kMaxRange, " items, found ", size);
  }
  const Value* filler = arguments.find(1, "fill_with");
  List batches;
  for (size_t begin = 0; begin < items.size(); begin += static_cast<size_t>(size)) {
    const size_t end = std::min(items.size(), begin + static_cast<size_t>(size));
    List batch(items.begin() + static_cast<ptrdiff_t>(begin), items.begin() + static_cast<ptrdiff_t>(end));
    if (filler && !filler->is_none()) batch.resize(static_cast<size_t>(size), *filler);
    NIBBLE_TRY(Value made, budget.list(std::move(batch)));
    batches.push_back(std::move(made));
  }
  return budget.list(std::move(batches));
}

// [[key, items], ...] in the order of the keys.
Result<Value> filter_groupby(const Value& operand, const CallArguments& arguments, Budget& budget) {
  NIBBLE_TRY(const List items, iterate(operand, budget));
  NIBBLE_TRY(const std::string attribute, attribute_argument(arguments, 0));
  if (attribute.empty()) return fail(ErrorKind::kInvalidArgument, "groupby needs an attribute");
  NIBBLE_TRY(const List keys, keys_of(items, attribute, budget));
  NIBBLE_TRY(const auto order, sorted_order(keys, true, false, budget));
  List groups, group;
  for (size_t i = 0; i < order.size(); ++i) {
    group.push_back(items[order[i]]);
    if (i + 1 < order.size() && strictly_equal(keys[order[i]], keys[order[i + 1]])) continue;
    NIBBLE_TRY(Value members, budget.list(std::exchange(group, {})));
    NIBBLE_TRY(Value pair, budget.list({keys[order[i]], std::move(members)}));
    groups.push_back(std::move(pair));
  }
  return budget.list(std::move(groups));
}

constexpr FilterEntry kListFilters[] = {
    {"batch", filter_batch},
    {"count", filter_length},
    {"dictsort", filter_dictsort},
    {"first", filter_first},
    {"groupby", filter_groupby},
    {"items", filter_items},
    {"join", filter_join},
    {"last", filter_last},
    {"length", filter_length},
    {"list", filter_list},
    {"map", filter_map},
    {"max", extreme_filter<true>},
    {"min", extreme_filter<false>},
    {"reject", select_filter<false, false>},
    {"rejectattr", select_filter<true, false>},
    {"reverse", filter_reverse},
    {"select", select_filter<false, true>},
    {"selectattr", select_filter<true, true>},
    {"sort", filter_sort},
    {"sum", filter_sum},
    {"unique", filter_unique},
};

}  // namespace

std::span<const FilterEntry> list_filters() { return kListFilters; }

}  // namespace nibble::jinja
