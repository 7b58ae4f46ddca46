// What templates can call without defining it: operators, filters, tests, methods and global functions. All
// are plain functions over values and a budget; their errors carry no position, the interpreter adds it.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/jinja_ast.h"
#include "text/jinja_budget.h"
#include "text/jinja_value.h"

namespace nibble::jinja {

class Interpreter;
class Scope;

struct CallArguments {
  List positional;
  Dict keywords;

  // The argument at `index` or by `name`; null when neither is given.
  const Value* find(size_t index, std::string_view name) const {
    return index < positional.size() ? &positional[index] : keywords.find(name);
  }
  bool empty() const { return positional.empty() && keywords.empty(); }

  // The same with the kind that is wanted; `fallback` when not given or none.
  Result<std::string> text(size_t index, std::string_view name, std::string_view fallback) const;
  Result<int64_t> integer(size_t index, std::string_view name, int64_t fallback) const;
  bool flag(size_t index, std::string_view name) const;  // truth of the argument, false when not given
};

// Undefined, without a temporary Value: g++ 12 takes one for uninitialized when the sanitizers are on.
inline Result<Value> undefined() { return Result<Value>(std::in_place); }

// A function value. `from` is the scope of the call: macros see the variables of their caller.
struct Callable {
  virtual ~Callable() = default;
  virtual Result<Value> call(Interpreter& interpreter, const CallArguments& arguments, Scope& from) const = 0;
};

Result<Value> apply_binary(BinaryOperator op, const Value& left, const Value& right, Budget& budget);
Result<Value> apply_filter(std::string_view name, const Value& operand, const CallArguments& arguments,
                           Budget& budget);
Result<bool> apply_test(std::string_view name, const Value& operand, const List& arguments, Budget& budget);

// Methods of strings, lists and dicts. `is_attribute` tells those that `value.name` without a call yields,
// too.
bool has_method(const Value& object, std::string_view name);
bool is_method_attribute(const Value& object, std::string_view name);
Result<Value> call_method(std::string_view name, const Value& object, const CallArguments& arguments,
                          Budget& budget);

// text[start:stop:step] and list[start:stop:step]; an absent bound is undefined.
Result<Value> apply_slice(const Value& object, const Value& start, const Value& stop, const Value& step,
                          Budget& budget);
// value[3] of a list or text, undefined when there is nothing there.
Result<Value> subscript(const Value& object, const Value& key, Budget& budget);
// What filters iterate over: items of a list, keys of a dict, code points of a string.
Result<List> iterate(const Value& value, Budget& budget);
// "a.b.0" below `item`, for the filters that take an attribute.
Value attribute_path(const Value& item, std::string_view path);

// range(), raise_exception(), strftime_now(): undefined when `name` is none of them. namespace() is the
// interpreter's own, since it keeps track of them.
Value find_global(std::string_view name, std::chrono::local_seconds now);

}  // namespace nibble::jinja
