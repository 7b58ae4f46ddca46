#include "text/jinja_interpreter.h"

#include "text/jinja_convert.h"

namespace nibble::jinja {
namespace {

constexpr uint32_t kMaxWalkDepth = 1000;  // of execute_statement() and evaluate() on the stack

// Adds where it happened, unless an inner expression did.
std::unexpected<Error> locate(Error error, Position at) {
  constexpr std::string_view kPrefix = "chat template line ";
  if (!error.message.starts_with(kPrefix))
    error.message = concat(kPrefix, at.line, " column ", at.column, ": ", error.message);
  return std::unexpected(std::move(error));
}

}  // namespace

Value LoopTurn::attribute(std::string_view name) const {
  const size_t left = items.size() - index;
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return left;
  if (name == "revindex0") return left - 1;
  if (name == "first") return index == 0;
  if (name == "last") return left == 1;
  if (name == "length") return items.size();
  if (name == "previtem" && index > 0) return items[index - 1];
  if (name == "nextitem" && left > 1) return items[index + 1];
  return {};
}

Dict LoopTurn::dict() const {
  Dict all;
  for (const char* name :
       {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"}) {
    all.set(name, attribute(name));
  }
  return all;
}

const LoopTurn* Scope::find_turn() const {
  for (const Scope* scope = this; scope; scope = scope->parent_) {
    if (scope->turn_) return scope->turn_;
    for (const auto& variable : scope->variables_) {
      if (variable.first == kLoopSymbol) return nullptr;
    }
  }
  return nullptr;
}

const Value* Scope::find(Symbol symbol) const {
  for (const Scope* scope = this; scope; scope = scope->parent_) {
    for (const auto& [name, value] : scope->variables_) {
      if (name == symbol) return &value;
    }
  }
  return nullptr;
}

void Scope::set(Symbol symbol, Value value) {
  for (auto& [name, present] : variables_) {
    if (name == symbol) {
      present = std::move(value);
      return;
    }
  }
  variables_.emplace_back(symbol, std::move(value));
}

Interpreter::~Interpreter() {
  for (const auto& space : namespaces_) space->attributes.clear();
}

Result<std::string> Interpreter::run(const Dict& variables) {
  Scope root(nullptr);
  for (Symbol symbol = 0; symbol < program_.symbols.size(); ++symbol) {
    const std::string& name = program_.symbols[symbol];
    if (const Value* given = variables.find(name)) {
      if (auto depth = budget_.check_depth(*given); !depth)
        return forward_error(depth.error(), "the variable ", name);
      root.set(symbol, *given);
    } else if (name == "namespace") {
      root.set(symbol, namespace_callable());
    } else if (Value global = find_global(name, now_); !global.is_undefined()) {
      root.set(symbol, std::move(global));
    }
  }
  std::string out;
  NIBBLE_TRY(const Flow flow, execute(program_.body, root, out));
  if (flow != Flow::kNormal) {
    return fail(ErrorKind::kInvalidArgument,
                "chat template: {% break %} or {% continue %} outside of a loop");
  }
  return out;
}

Result<Interpreter::Flow> Interpreter::execute(const Body& body, Scope& scope, std::string& out) {
  for (const Statement& statement : body) {
    NIBBLE_TRY(const Flow flow, execute_statement(statement, scope, out));
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::execute_statement(const Statement& statement, Scope& scope,
                                                         std::string& out) {
  if (depth_ >= kMaxWalkDepth) {
    return locate(
        {ErrorKind::kLimit, concat("macros and blocks nested deeper than ", kMaxWalkDepth, " levels")},
        statement.at);
  }
  if (auto spent = budget_.spend(1); !spent) return locate(std::move(spent).error(), statement.at);
  ++depth_;
  auto flow = std::visit([&](const auto& node) { return run_node(node, scope, out); }, statement.node);
  --depth_;
  if (!flow) return locate(std::move(flow).error(), statement.at);
  return flow;
}

Result<Value> Interpreter::evaluate(const Expression& expression, Scope& scope) {
  if (depth_ >= kMaxWalkDepth) {
    return locate(
        {ErrorKind::kLimit, concat("macros and blocks nested deeper than ", kMaxWalkDepth, " levels")},
        expression.at);
  }
  if (auto spent = budget_.spend(1); !spent) return locate(std::move(spent).error(), expression.at);
  ++depth_;
  auto value = std::visit([&](const auto& node) { return evaluate_node(node, scope); }, expression.node);
  --depth_;
  if (!value) return locate(std::move(value).error(), expression.at);
  return value;
}

Status Interpreter::append(std::string& out, std::string_view text) {
  if (out.size() + text.size() > budget_.limits().output_bytes) {
    return fail(ErrorKind::kLimit, "more than ", budget_.limits().output_bytes, " bytes of output");
  }
  NIBBLE_CHECK_OK(budget_.scan(text.size()));
  NIBBLE_CHECK_OK(budget_.allocate(text.size()));
  out += text;
  return {};
}

Status Interpreter::append(std::string& out, const Value& value) {
  if (value.is_string()) return append(out, std::string_view(value.as_string()));
  BoundedText text(budget_);
  NIBBLE_CHECK_OK(append_output(text, value));
  return append(out, std::string_view(text.text()));
}

}  // namespace nibble::jinja
