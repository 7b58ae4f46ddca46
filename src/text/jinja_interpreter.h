// Walks the syntax tree of a template. One interpreter renders once.
//
// Scopes follow the reference implementation (npm @huggingface/jinja) where it differs from Python's Jinja:
// - what a loop body sets stays set in the next turn (Python forgets it);
// - a macro sees the variables of its caller (Python: those of the template);
// - the text of a turn that ends in {% break %} or {% continue %} is dropped (Python keeps what came before).
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/jinja_ast.h"
#include "text/jinja_budget.h"
#include "text/jinja_builtins.h"

namespace nibble::jinja {

// One turn of a for loop; `loop` and its attributes are made from it when a template asks.
struct LoopTurn {
  const List& items;
  size_t index;

  Value attribute(std::string_view name) const;  // undefined when there is none of that name
  Dict dict() const;
};

class Scope {
 public:
  explicit Scope(Scope* parent) : parent_(parent) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Null when no scope from here outwards has it.
  const Value* find(Symbol symbol) const;
  void set(Symbol symbol, Value value);

  // The turn that `loop` means here: null outside of loops, and where an inner scope has set a variable
  // `loop`.
  const LoopTurn* find_turn() const;
  void set_turn(const LoopTurn* turn) { turn_ = turn; }

 private:
  Scope* parent_;
  const LoopTurn* turn_ = nullptr;
  std::vector<std::pair<Symbol, Value>> variables_;
};

class Interpreter {
 public:
  Interpreter(const Program& program, const RenderLimits& limits, std::chrono::local_seconds now)
      : program_(program), budget_(limits), now_(now) {}
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Result<std::string> run(const Dict& variables);

  Budget& budget() { return budget_; }
  Result<Value> call_macro(const Macro& macro, const CallArguments& arguments, Scope& parent);
  Result<Value> make_namespace(const CallArguments& arguments);

 private:
  enum class Flow { kNormal, kBreak, kContinue };

  // Statements (jinja_statements.cpp)
  Result<Flow> execute(const Body& body, Scope& scope, std::string& out);
  Result<Flow> execute_statement(const Statement& statement, Scope& scope, std::string& out);
  Result<Flow> run_node(const Text& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const Output& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const Set& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const If& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const For& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const Macro& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const CallBlock& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const FilterBlock& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const With& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const Do& node, Scope& scope, std::string& out);
  Result<Flow> run_node(const Break&, Scope&, std::string&) { return Flow::kBreak; }
  Result<Flow> run_node(const Continue&, Scope&, std::string&) { return Flow::kContinue; }
  Status append(std::string& out, std::string_view text);
  Status append(std::string& out, const Value& value);
  Status assign(const Expression& target, Value value, Scope& scope);
  Status bind_loop_targets(const For& node, const Value& item, Scope& scope);
  Result<Value> loop_items(const For& node, Scope& scope);
  Result<Value> render_text(const Body& body, Scope& scope);  // of a set, macro, call or filter block
  Result<Value> apply_filters(const std::vector<FilterCall>& filters, Value value, Scope& scope);
  static Value namespace_callable();
  Status bind_parameters(const Macro& macro, const CallArguments& arguments, Scope& scope);

  // Expressions (jinja_expressions.cpp)
  Result<Value> evaluate(const Expression& expression, Scope& scope);
  Result<Value> evaluate_node(const Literal& node, Scope& scope);
  Result<Value> evaluate_node(const Name& node, Scope& scope);
  Result<Value> evaluate_node(const Attribute& node, Scope& scope);
  Result<Value> evaluate_node(const Subscript& node, Scope& scope);
  Result<Value> evaluate_node(const Slice& node, Scope& scope);
  Result<Value> evaluate_node(const Call& node, Scope& scope);
  Result<Value> evaluate_node(const Filter& node, Scope& scope);
  Result<Value> evaluate_node(const Test& node, Scope& scope);
  Result<Value> evaluate_node(const Not& node, Scope& scope);
  Result<Value> evaluate_node(const Sign& node, Scope& scope);
  Result<Value> evaluate_node(const Binary& node, Scope& scope);
  Result<Value> evaluate_node(const Ordering& node, Scope& scope);
  Result<Value> evaluate_node(const Logic& node, Scope& scope);
  Result<Value> evaluate_node(const Conditional& node, Scope& scope);
  Result<Value> evaluate_node(const ListLiteral& node, Scope& scope);
  Result<Value> evaluate_node(const DictLiteral& node, Scope& scope);
  Result<CallArguments> evaluate_arguments(const Arguments& arguments, Scope& scope);
  Result<Value> call_attribute(const Attribute& callee, const Arguments& arguments, Scope& scope);
  Result<Value> call(const Value& callee, const Expression& written, const Arguments& arguments,
                     Scope& scope);

  const Program& program_;
  Budget budget_;
  std::chrono::local_seconds now_;
  uint32_t depth_ = 0;                                  // expressions and statements being walked
  uint32_t call_depth_ = 0;                             // macros being run
  std::vector<std::shared_ptr<Namespace>> namespaces_;  // emptied at the end: they may form cycles
};

}  // namespace nibble::jinja
