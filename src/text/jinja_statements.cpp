#include <algorithm>

#include "text/jinja_convert.h"
#include "text/jinja_interpreter.h"

namespace nibble::jinja {

Result<Interpreter::Flow> Interpreter::run_node(const Text& node, Scope&, std::string& out) {
  NIBBLE_CHECK_OK(append(out, std::string_view(node.text)));
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::run_node(const Output& node, Scope& scope, std::string& out) {
  NIBBLE_TRY(const Value value, evaluate(*node.value, scope));
  NIBBLE_CHECK_OK(append(out, value));
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::run_node(const Do& node, Scope& scope, std::string&) {
  NIBBLE_CHECK_OK(evaluate(*node.value, scope));
  return Flow::kNormal;
}

Result<Value> Interpreter::render_text(const Body& body, Scope& scope) {
  std::string text;
  NIBBLE_TRY(const Flow flow, execute(body, scope, text));
  if (flow != Flow::kNormal) {
    return fail(ErrorKind::kInvalidArgument, "{% break %} or {% continue %} leaves a block that makes text");
  }
  return budget_.text(std::move(text));
}

Result<Value> Interpreter::apply_filters(const std::vector<FilterCall>& filters, Value value, Scope& scope) {
  for (const FilterCall& filter : filters) {
    NIBBLE_TRY(const CallArguments arguments, evaluate_arguments(filter.arguments, scope));
    NIBBLE_TRY(value, apply_filter(filter.name, value, arguments, budget_));
  }
  return value;
}

Status Interpreter::assign(const Expression& target, Value value, Scope& scope) {
  if (const auto* name = std::get_if<Name>(&target.node)) {
    scope.set(name->symbol, std::move(value));
    return {};
  }
  const auto& attribute_target = std::get<Attribute>(target.node);
  NIBBLE_TRY(const Value object, evaluate(*attribute_target.object, scope));
  if (!object.is_namespace()) {
    return fail(ErrorKind::kInvalidArgument, "only attributes of a namespace can be set, this is of kind ",
                object.kind_name());
  }
  NIBBLE_CHECK_OK(budget_.allocate(attribute_target.name.size()));
  Namespace& space = object.as_namespace();
  space.depth = std::max(space.depth, value.depth() + 1);
  NIBBLE_CHECK_OK(budget_.check_depth(object));
  space.attributes.set(attribute_target.name, std::move(value));
  return {};
}

Result<Interpreter::Flow> Interpreter::run_node(const Set& node, Scope& scope, std::string&) {
  auto made = node.value ? evaluate(*node.value, scope) : render_text(node.body, scope);
  if (!made) return forward_error(std::move(made).error());
  NIBBLE_TRY(const Value value, apply_filters(node.filters, *std::move(made), scope));
  if (node.targets.size() == 1) {
    NIBBLE_CHECK_OK(assign(*node.targets.front(), value, scope));
    return Flow::kNormal;
  }
  if (!value.is_list())
    return fail(ErrorKind::kInvalidArgument, "cannot unpack a value of kind ", value.kind_name());
  const List& items = value.as_list();
  if (items.size() != node.targets.size()) {
    return fail(ErrorKind::kInvalidArgument, items.size(), " items for ", node.targets.size(), " names");
  }
  for (size_t i = 0; i < items.size(); ++i) NIBBLE_CHECK_OK(assign(*node.targets[i], items[i], scope));
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::run_node(const If& node, Scope& scope, std::string& out) {
  for (const auto& [condition, body] : node.branches) {
    NIBBLE_TRY(const Value holds, evaluate(*condition, scope));
    if (is_truthy(holds)) return execute(body, scope, out);
  }
  return execute(node.otherwise, scope, out);
}

Status Interpreter::bind_loop_targets(const For& node, const Value& item, Scope& scope) {
  if (!node.unpack) {
    scope.set(node.targets.front(), item);
    return {};
  }
  if (!item.is_list())
    return fail(ErrorKind::kInvalidArgument, "cannot unpack a value of kind ", item.kind_name());
  const List& parts = item.as_list();
  if (parts.size() != node.targets.size()) {
    return fail(ErrorKind::kInvalidArgument, parts.size(), " items for ", node.targets.size(),
                " loop variables");
  }
  for (size_t i = 0; i < parts.size(); ++i) scope.set(node.targets[i], parts[i]);
  return {};
}

// The items to loop over, those the condition of the for tag lets through.
// A list is shared, not copied: loops within loops over a long one would hold as many copies.
Result<Value> Interpreter::loop_items(const For& node, Scope& scope) {
  NIBBLE_TRY(const Value iterable, evaluate(*node.iterable, scope));
  if (!iterable.is_list() && !iterable.is_dict()) {
    return fail(ErrorKind::kInvalidArgument, "cannot loop over a value of kind ", iterable.kind_name());
  }
  NIBBLE_TRY(const Value all, apply_filter("list", iterable, {}, budget_));
  if (!node.condition) return all;
  List kept;
  for (const Value& item : all.as_list()) {
    Scope turn(&scope);
    NIBBLE_CHECK_OK(bind_loop_targets(node, item, turn));
    NIBBLE_TRY(const Value keep, evaluate(*node.condition, turn));
    if (is_truthy(keep)) kept.push_back(item);
  }
  return budget_.list(std::move(kept));
}

Result<Interpreter::Flow> Interpreter::run_node(const For& node, Scope& outer, std::string& out) {
  Scope scope(&outer);
  NIBBLE_TRY(const Value list, loop_items(node, scope));
  const List& items = list.as_list();
  bool completed = false;
  for (size_t i = 0; i < items.size(); ++i) {
    constexpr uint64_t kTurnCost = 4;
    NIBBLE_CHECK_OK(budget_.spend(kTurnCost));
    const LoopTurn turn{items, i};
    scope.set_turn(&turn);
    NIBBLE_CHECK_OK(bind_loop_targets(node, items[i], scope));
    const size_t before = out.size();
    NIBBLE_TRY(const Flow flow, execute(node.body, scope, out));
    if (flow != Flow::kNormal) out.resize(before);
    if (flow == Flow::kBreak) break;
    completed |= flow == Flow::kNormal;
  }
  scope.set_turn(nullptr);
  if (!completed) return execute(node.otherwise, scope, out);
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::run_node(const FilterBlock& node, Scope& scope, std::string& out) {
  NIBBLE_TRY(Value text, render_text(node.body, scope));
  NIBBLE_TRY(const Value filtered, apply_filters(node.filters, std::move(text), scope));
  NIBBLE_CHECK_OK(append(out, filtered));
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::run_node(const With& node, Scope& outer, std::string& out) {
  Scope scope(&outer);
  for (const auto& [symbol, expression] : node.variables) {
    NIBBLE_TRY(Value value, evaluate(*expression, outer));
    scope.set(symbol, std::move(value));
  }
  return execute(node.body, scope, out);
}

}  // namespace nibble::jinja
