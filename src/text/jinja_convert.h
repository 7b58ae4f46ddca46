// Values as truth, text and JSON, and when two are equal. Where Python's Jinja and the reference
// implementation (npm @huggingface/jinja, values as JavaScript shows them) differ, these follow the latter.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/jinja_budget.h"
#include "text/jinja_value.h"

namespace nibble::jinja {

bool is_truthy(const Value& value);

// What {{ value }} shows: nothing for none and undefined, true/false, JSON for lists and dicts, 1.0 for a
// float.
Status append_output(BoundedText& out, const Value& value);
// What "text" + value and value ~ value append, and the items join() joins: as above, but 1 for 1.0 and items
// joined by commas for a list.
Status append_operand(BoundedText& out, const Value& value);

// What Python's str() makes of a dict: {'a': True, 'b': None}.
Status append_python(BoundedText& out, const Value& value);

std::string float_text(double number);         // shortest round trip, whole numbers end in .0
std::string javascript_number(double number);  // the same without .0

struct JsonStyle {
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  size_t indent = 0;  // 0: on one line
  bool ascii = false;
  bool sort_keys = false;
  std::string_view undefined = "null";
};
Status append_json(BoundedText& out, const Value& value, const JsonStyle& style);

// JavaScript's == (none equals undefined, 1 equals "1"); lists and dicts are equal only to themselves.
Result<bool> loosely_equal(const Value& left, const Value& right, Budget& budget);
// JavaScript's === (none equals undefined here, too): `in`, unique and the tests of selectattr.
bool strictly_equal(const Value& left, const Value& right);

// The number a boolean, integer or float stands for.
std::optional<double> as_number(const Value& value);

}  // namespace nibble::jinja
