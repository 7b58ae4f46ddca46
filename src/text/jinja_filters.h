// The tables of filters, by what they work on.
#pragma once
#include <span>
#include <string_view>

#include "text/jinja_builtins.h"

namespace nibble::jinja {

using FilterFunction = Result<Value> (*)(const Value& operand, const CallArguments& arguments,
                                         Budget& budget);

struct FilterEntry {
  std::string_view name;
  FilterFunction function;
};

std::span<const FilterEntry> scalar_filters();  // numbers, booleans, JSON
std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> list_filters();  // order, selection, grouping

// The text that a filter of text works on. Other kinds are refused, as by the reference implementation:
// Python would make "None" of a missing content, which no model was trained on.
Result<std::string_view> filter_text(std::string_view filter, const Value& operand, Budget& budget);
std::unexpected<Error> cannot_filter(std::string_view filter, const Value& operand);

}  // namespace nibble::jinja
