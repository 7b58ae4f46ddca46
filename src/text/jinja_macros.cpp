// Macros, call blocks and namespace().
#include <algorithm>

#include "text/jinja_convert.h"
#include "text/jinja_interpreter.h"

namespace nibble::jinja {
namespace {

struct MacroCallable final : Callable {
  const Macro& macro;
  explicit MacroCallable(const Macro& called) : macro(called) {}
  Result<Value> call(Interpreter& interpreter, const CallArguments& arguments, Scope& from) const override {
    return interpreter.call_macro(macro, arguments, from);
  }
};

// caller() of a call block; the scope is gone once the block is.
struct CallerCallable final : Callable {
  const Macro& body;
  Scope* scope;
  CallerCallable(const Macro& called, Scope& around) : body(called), scope(&around) {}
  Result<Value> call(Interpreter& interpreter, const CallArguments& arguments, Scope&) const override {
    if (!scope) return fail(ErrorKind::kInvalidArgument, "caller() outside of its call block");
    return interpreter.call_macro(body, arguments, *scope);
  }
};

struct NamespaceCallable final : Callable {
  Result<Value> call(Interpreter& interpreter, const CallArguments& arguments, Scope&) const override {
    return interpreter.make_namespace(arguments);
  }
};

}  // namespace

Value Interpreter::namespace_callable() { return Value(std::make_shared<const NamespaceCallable>()); }

Result<Interpreter::Flow> Interpreter::run_node(const Macro& node, Scope& scope, std::string&) {
  NIBBLE_CHECK_OK(budget_.allocate(sizeof(MacroCallable)));
  scope.set(node.symbol, Value(std::make_shared<const MacroCallable>(node)));
  return Flow::kNormal;
}

Result<Interpreter::Flow> Interpreter::run_node(const CallBlock& node, Scope& scope, std::string& out) {
  const auto caller = std::make_shared<CallerCallable>(node.caller, scope);
  Scope inner(&scope);
  inner.set(kCallerSymbol, Value(std::shared_ptr<const Callable>(caller)));
  auto value = [&]() -> Result<Value> {
    const auto& call = std::get<Call>(node.call->node);
    NIBBLE_TRY(const CallArguments arguments, evaluate_arguments(call.arguments, scope));
    NIBBLE_TRY(const Value callee, evaluate(*call.callee, scope));
    if (!callee.is_callable()) {
      return fail(ErrorKind::kInvalidArgument, "cannot call a value of kind ", callee.kind_name());
    }
    return callee.as_callable().call(*this, arguments, inner);
  }();
  caller->scope = nullptr;
  if (!value) return forward_error(std::move(value).error());
  NIBBLE_CHECK_OK(append(out, *value));
  return Flow::kNormal;
}

Status Interpreter::bind_parameters(const Macro& macro, const CallArguments& arguments, Scope& scope) {
  Dict keywords;
  size_t taken = 0;
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const std::string& name = program_.symbols[macro.parameters[i].symbol];
    const Value* given = arguments.find(i, name);
    if (given && i >= arguments.positional.size()) ++taken;
    scope.set(macro.parameters[i].symbol, given ? *given : Value());
  }
  if (macro.takes_kwargs || taken < arguments.keywords.size()) {
    for (const auto& [name, value] : arguments.keywords.entries()) {
      const auto named = [&, wanted = std::string_view(name)](const Parameter& parameter) {
        return program_.symbols[parameter.symbol] == wanted;
      };
      if (std::none_of(macro.parameters.begin(), macro.parameters.end(), named)) keywords.set(name, value);
    }
    if (!macro.takes_kwargs && !keywords.empty()) {
      return fail(ErrorKind::kInvalidArgument, "the macro ", macro.name, " has no parameter '",
                  keywords.entries().front().first, "'");
    }
  }
  if (macro.takes_kwargs) {
    NIBBLE_TRY(Value dict, budget_.dict(std::move(keywords)));
    scope.set(kKwargsSymbol, std::move(dict));
  }
  const size_t known = std::min(macro.parameters.size(), arguments.positional.size());
  if (macro.takes_varargs) {
    NIBBLE_TRY(Value rest, budget_.list(List(arguments.positional.begin() + static_cast<ptrdiff_t>(known),
                                             arguments.positional.end())));
    scope.set(kVarargsSymbol, std::move(rest));
  } else if (arguments.positional.size() > known) {
    return fail(ErrorKind::kInvalidArgument, "the macro ", macro.name, " takes ", macro.parameters.size(),
                " arguments, found ", arguments.positional.size());
  }
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter& parameter = macro.parameters[i];
    if (!parameter.fallback || arguments.find(i, program_.symbols[parameter.symbol])) continue;
    NIBBLE_TRY(Value value, evaluate(*parameter.fallback, scope));
    scope.set(parameter.symbol, std::move(value));
  }
  return {};
}

Result<Value> Interpreter::call_macro(const Macro& macro, const CallArguments& arguments, Scope& parent) {
  if (call_depth_ >= budget_.limits().call_depth) {
    return fail(ErrorKind::kLimit, "macros call each other more than ", budget_.limits().call_depth,
                " levels deep");
  }
  Scope scope(&parent);
  ++call_depth_;  // also while defaults are evaluated: they may call the macro
  const Status bound = bind_parameters(macro, arguments, scope);
  auto text = bound ? render_text(macro.body, scope) : forward_error(bound.error());
  --call_depth_;
  return text;
}

Result<Value> Interpreter::make_namespace(const CallArguments& arguments) {
  auto space = std::make_shared<Namespace>();
  if (arguments.positional.size() > 1) {
    return fail(ErrorKind::kInvalidArgument, "namespace() takes one dict and keywords");
  }
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional.front();
    if (!source.is_dict()) {
      return fail(ErrorKind::kInvalidArgument, "namespace() takes a dict, found ", source.kind_name());
    }
    space->attributes = source.as_dict();
  }
  for (const auto& [name, value] : arguments.keywords.entries()) space->attributes.set(name, value);
  NIBBLE_TRY(const Value charged, budget_.dict(space->attributes));
  space->depth = charged.depth();
  namespaces_.push_back(space);
  return Value(std::move(space));
}

}  // namespace nibble::jinja
