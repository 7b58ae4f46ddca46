#include "text/jinja_convert.h"
#include "text/jinja_interpreter.h"

namespace nibble::jinja {
namespace {

// value.method without a call, kept for later.
struct BoundMethod final : Callable {
  Value object;
  std::string name;
  BoundMethod(Value bound, std::string_view method) : object(std::move(bound)), name(method) {}
  Result<Value> call(Interpreter& interpreter, const CallArguments& arguments, Scope&) const override {
    return call_method(name, object, arguments, interpreter.budget());
  }
};

Result<Value> attribute_of(const Value& object, const std::string& name, Budget& budget) {
  if (object.is_dict()) {
    if (const Value* present = object.as_dict().find(name)) return *present;
  } else if (object.is_namespace()) {
    const Value* present = object.as_namespace().attributes.find(name);
    return present ? Result<Value>(*present) : undefined();
  }
  if (name == "length" && (object.is_string() || object.is_list())) {
    return apply_filter("length", object, {}, budget);
  }
  if (!is_method_attribute(object, name)) return undefined();
  NIBBLE_CHECK_OK(budget.allocate(sizeof(BoundMethod)));
  return Value(std::make_shared<const BoundMethod>(object, name));
}

// How an error names what was called: `foo`, `message.foo`.
std::string spelled(const Expression& expression, const Program& program) {
  if (const auto* name = std::get_if<Name>(&expression.node)) return program.symbols[name->symbol];
  if (const auto* attribute = std::get_if<Attribute>(&expression.node)) {
    return spelled(*attribute->object, program) + "." + attribute->name;
  }
  return "this";
}

}  // namespace

Result<Value> Interpreter::evaluate_node(const Literal& node, Scope&) { return node.value; }

Result<Value> Interpreter::evaluate_node(const Name& node, Scope& scope) {
  if (node.symbol == kLoopSymbol) {
    if (const LoopTurn* turn = scope.find_turn()) return budget_.dict(turn->dict());
  }
  const Value* found = scope.find(node.symbol);
  return found ? Result<Value>(*found) : undefined();
}

Result<Value> Interpreter::evaluate_node(const Attribute& node, Scope& scope) {
  if (const auto* name = std::get_if<Name>(&node.object->node); name && name->symbol == kLoopSymbol) {
    if (const LoopTurn* turn = scope.find_turn()) return turn->attribute(node.name);
  }
  NIBBLE_TRY(const Value object, evaluate(*node.object, scope));
  return attribute_of(object, node.name, budget_);
}

Result<Value> Interpreter::evaluate_node(const Subscript& node, Scope& scope) {
  NIBBLE_TRY(const Value object, evaluate(*node.object, scope));
  NIBBLE_TRY(const Value key, evaluate(*node.key, scope));
  if (key.is_string()) return attribute_of(object, key.as_string(), budget_);
  return subscript(object, key, budget_);
}

Result<Value> Interpreter::evaluate_node(const Slice& node, Scope& scope) {
  NIBBLE_TRY(const Value object, evaluate(*node.object, scope));
  Value bounds[3];
  const ExpressionPtr* parts[] = {&node.start, &node.stop, &node.step};
  for (size_t i = 0; i < 3; ++i) {
    if (!*parts[i]) continue;
    NIBBLE_TRY(bounds[i], evaluate(**parts[i], scope));
  }
  return apply_slice(object, bounds[0], bounds[1], bounds[2], budget_);
}

Result<CallArguments> Interpreter::evaluate_arguments(const Arguments& arguments, Scope& scope) {
  CallArguments values;
  for (const auto& argument : arguments.positional) {
    NIBBLE_TRY(Value value, evaluate(*argument, scope));
    values.positional.push_back(std::move(value));
  }
  if (arguments.spread) {
    NIBBLE_TRY(const Value spread, evaluate(*arguments.spread, scope));
    if (!spread.is_list())
      return fail(ErrorKind::kInvalidArgument, "* needs a list, found ", spread.kind_name());
    const List& items = spread.as_list();
    NIBBLE_CHECK_OK(budget_.spend(items.size()));
    values.positional.insert(values.positional.end(), items.begin(), items.end());
  }
  const auto add_keyword = [&](const std::string& name, Value value) -> Status {
    if (values.keywords.find(name))
      return fail(ErrorKind::kInvalidArgument, "the keyword '", name, "' is given twice");
    values.keywords.set(name, std::move(value));
    return {};
  };
  for (const auto& [name, expression] : arguments.keywords) {
    NIBBLE_TRY(Value value, evaluate(*expression, scope));
    NIBBLE_CHECK_OK(add_keyword(name, std::move(value)));
  }
  if (arguments.keyword_spread) {
    NIBBLE_TRY(const Value spread, evaluate(*arguments.keyword_spread, scope));
    if (!spread.is_dict())
      return fail(ErrorKind::kInvalidArgument, "** needs a dict, found ", spread.kind_name());
    NIBBLE_CHECK_OK(budget_.spend(spread.as_dict().size()));
    for (const auto& [name, value] : spread.as_dict().entries()) NIBBLE_CHECK_OK(add_keyword(name, value));
  }
  return values;
}

Result<Value> Interpreter::call(const Value& callee, const Expression& written, const Arguments& arguments,
                                Scope& scope) {
  if (!callee.is_callable()) {
    return fail(ErrorKind::kInvalidArgument, "cannot call ", spelled(written, program_), ", it is ",
                callee.kind_name());
  }
  NIBBLE_TRY(const CallArguments values, evaluate_arguments(arguments, scope));
  return callee.as_callable().call(*this, values, scope);
}

// object.name(...): a callable entry of a dict, else a method of the value, even where an entry hides its
// name (a tool schema with a property "items" still has items()).
Result<Value> Interpreter::call_attribute(const Attribute& callee, const Arguments& arguments, Scope& scope) {
  NIBBLE_TRY(const Value object, evaluate(*callee.object, scope));
  const Dict* entries = object.is_dict()        ? &object.as_dict()
                        : object.is_namespace() ? &object.as_namespace().attributes
                                                : nullptr;
  const Value* entry = entries ? entries->find(callee.name) : nullptr;
  if (entry && entry->is_callable()) {
    const Value held = *entry;  // the call may replace the entry
    NIBBLE_TRY(const CallArguments values, evaluate_arguments(arguments, scope));
    return held.as_callable().call(*this, values, scope);
  }
  if (!has_method(object, callee.name)) {
    return fail(ErrorKind::kInvalidArgument, "a value of kind ", object.kind_name(), " has no method ",
                callee.name);
  }
  NIBBLE_TRY(const CallArguments values, evaluate_arguments(arguments, scope));
  return call_method(callee.name, object, values, budget_);
}

Result<Value> Interpreter::evaluate_node(const Call& node, Scope& scope) {
  if (const auto* attribute = std::get_if<Attribute>(&node.callee->node)) {
    return call_attribute(*attribute, node.arguments, scope);
  }
  NIBBLE_TRY(const Value callee, evaluate(*node.callee, scope));
  return call(callee, *node.callee, node.arguments, scope);
}

Result<Value> Interpreter::evaluate_node(const Filter& node, Scope& scope) {
  NIBBLE_TRY(const Value operand, evaluate(*node.operand, scope));
  NIBBLE_TRY(const CallArguments arguments, evaluate_arguments(node.call.arguments, scope));
  return apply_filter(node.call.name, operand, arguments, budget_);
}

Result<Value> Interpreter::evaluate_node(const Test& node, Scope& scope) {
  NIBBLE_TRY(const Value operand, evaluate(*node.operand, scope));
  NIBBLE_TRY(const CallArguments arguments, evaluate_arguments(node.arguments, scope));
  NIBBLE_TRY(const bool holds, apply_test(node.name, operand, arguments.positional, budget_));
  return Value(holds != node.negated);
}

Result<Value> Interpreter::evaluate_node(const Not& node, Scope& scope) {
  NIBBLE_TRY(const Value operand, evaluate(*node.operand, scope));
  return Value(!is_truthy(operand));
}

Result<Value> Interpreter::evaluate_node(const Sign& node, Scope& scope) {
  NIBBLE_TRY(const Value operand, evaluate(*node.operand, scope));
  if (operand.is_float()) return Value(node.negative ? -operand.as_float() : operand.as_float());
  if (!operand.is_integer() && !operand.is_bool()) {
    return fail(ErrorKind::kInvalidArgument, "a sign before a value of kind ", operand.kind_name());
  }
  const Value integer(operand.is_bool() ? int64_t{operand.as_bool()} : operand.as_integer());
  return node.negative ? apply_binary(BinaryOperator::kSubtract, Value(0), integer, budget_) : integer;
}

Result<Value> Interpreter::evaluate_node(const Binary& node, Scope& scope) {
  NIBBLE_TRY(const Value left, evaluate(*node.left, scope));
  NIBBLE_TRY(const Value right, evaluate(*node.right, scope));
  return apply_binary(node.op, left, right, budget_);
}

Result<Value> Interpreter::evaluate_node(const Ordering& node, Scope& scope) {
  NIBBLE_TRY(Value left, evaluate(*node.first, scope));
  for (const auto& [op, expression] : node.links) {
    NIBBLE_TRY(Value right, evaluate(*expression, scope));
    NIBBLE_TRY(const Value holds, apply_binary(op, left, right, budget_));
    if (!is_truthy(holds)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Interpreter::evaluate_node(const Logic& node, Scope& scope) {
  NIBBLE_TRY(Value left, evaluate(*node.left, scope));
  return is_truthy(left) == node.conjunction ? evaluate(*node.right, scope) : Result<Value>(std::move(left));
}

Result<Value> Interpreter::evaluate_node(const Conditional& node, Scope& scope) {
  NIBBLE_TRY(const Value condition, evaluate(*node.condition, scope));
  if (is_truthy(condition)) return evaluate(*node.value, scope);
  if (node.otherwise) return evaluate(*node.otherwise, scope);
  return undefined();
}

Result<Value> Interpreter::evaluate_node(const ListLiteral& node, Scope& scope) {
  List items;
  for (const auto& expression : node.items) {
    NIBBLE_TRY(Value item, evaluate(*expression, scope));
    items.push_back(std::move(item));
  }
  return budget_.list(std::move(items));
}

Result<Value> Interpreter::evaluate_node(const DictLiteral& node, Scope& scope) {
  Dict dict;
  for (const auto& [key_expression, value_expression] : node.entries) {
    NIBBLE_TRY(const Value key, evaluate(*key_expression, scope));
    if (!key.is_string()) {
      return fail(ErrorKind::kInvalidArgument, "keys of a dict are strings, found ", key.kind_name());
    }
    NIBBLE_TRY(Value value, evaluate(*value_expression, scope));
    dict.set(key.as_string(), std::move(value));
  }
  return budget_.dict(std::move(dict));
}

}  // namespace nibble::jinja
