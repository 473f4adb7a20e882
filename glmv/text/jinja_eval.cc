#include "glmv/text/jinja_eval.h"

#include <algorithm>
#include <deque>

#include "glmv/text/jinja_checks.h"
#include "glmv/text/jinja_filters.h"
#include "glmv/text/jinja_globals.h"
#include "glmv/text/jinja_methods.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<std::string_view, Value>> variables;  // names live in the program
  bool captured = false;  // a macro or a recursive loop refers to it
};

enum class Flow { kNext, kBreak, kContinue };

class Evaluator {
 public:
  explicit Evaluator(const Limits& limits) : budget_(limits) {}

  // Namespaces are the only values that can refer to themselves.
  ~Evaluator() {
    for (const auto& space : namespaces_) space->attributes.clear();
  }

  Result<RenderOutput> run(const Block& program,
                           const std::vector<std::pair<std::string, Value>>& variables) {
    Scope* root = new_scope(nullptr);
    for (const auto& [name, value] : variables) root->variables.emplace_back(name, value);
    RenderOutput out;
    generation_ranges_ = &out.generation_ranges;
    root_output_ = &out.text;
    const auto flow = block(program, *new_scope(root), out.text);
    if (!flow) {
      return std::unexpected(
          Status{flow.error().code, fmt::format("line {}: {}", line_, flow.error().message)});
    }
    return out;
  }

 private:
  // ---- scopes ----
  Scope* new_scope(Scope* parent) {
    if (!free_scopes_.empty()) {
      Scope* scope = free_scopes_.back();
      free_scopes_.pop_back();
      scope->parent = parent;
      return scope;
    }
    scopes_.push_back({parent, {}, false});
    return &scopes_.back();
  }

  void release(Scope* scope) {
    if (scope->captured) return;
    scope->variables.clear();
    free_scopes_.push_back(scope);
  }

  static void capture(Scope* scope) {
    for (; scope != nullptr && !scope->captured; scope = scope->parent) scope->captured = true;
  }

  Result<void> assign(Scope& scope, std::string_view name, Value value) {
    GLMV_RETURN_IF_ERROR(budget_.spend(1 + scope.variables.size() / 16));
    for (auto& [known, slot] : scope.variables) {
      if (known == name) {
        slot = std::move(value);
        return {};
      }
    }
    scope.variables.emplace_back(name, std::move(value));
    return {};
  }

  Result<Value> lookup(const Scope& scope, const std::string& name) {
    for (const Scope* s = &scope; s != nullptr; s = s->parent) {
      GLMV_RETURN_IF_ERROR(budget_.spend(s->variables.size() / 16));
      for (const auto& [known, value] : s->variables) {
        if (known == name) return value;
      }
    }
    if (const auto global = find_global(name)) {
      return Value(std::make_shared<const Callable>(Callable{*global, {}}));
    }
    return Value::undefined(fmt::format("'{}' is undefined", name));
  }

  // ---- statements ----
  Result<Flow> block(const Block& statements, Scope& scope, Text& out) {
    if (eval_depth_ >= budget_.limits.max_eval_depth) return too_deep();
    ++eval_depth_;
    for (const auto& stmt : statements) {
      GLMV_ASSIGN(const Flow flow, statement(*stmt, scope, out));
      if (flow != Flow::kNext) {
        --eval_depth_;
        return flow;
      }
    }
    --eval_depth_;
    return Flow::kNext;
  }

  std::unexpected<Status> too_deep() const {
    return resource_exhausted("the template recurses too deep");
  }

  Result<void> write(Text& out, const Text& text) {
    GLMV_RETURN_IF_ERROR(budget_.spend(1 + text.size() / 32));
    if (out.size() + text.size() > budget_.limits.max_string_bytes) {
      return budget_.spend_bytes(out.size() + text.size());
    }
    out.append(text);
    return {};
  }

  Result<Flow> statement(const Stmt& stmt, Scope& scope, Text& out) {
    GLMV_RETURN_IF_ERROR(budget_.spend(1));
    line_ = stmt.line;
    switch (stmt.kind) {
      case StmtKind::kText:
        GLMV_RETURN_IF_ERROR(write(out, stmt.text.as_text()));
        break;
      case StmtKind::kOutput: {
        GLMV_ASSIGN(const Value value, eval(*stmt.expr, scope));
        if (value.is_string()) {
          GLMV_RETURN_IF_ERROR(write(out, value.as_text()));
        } else {
          GLMV_ASSIGN(const Text text, to_str(budget_, value));
          GLMV_RETURN_IF_ERROR(write(out, text));
        }
        break;
      }
      case StmtKind::kIf:
        return if_statement(stmt, scope, out);
      case StmtKind::kFor: {
        GLMV_ASSIGN(const Value iterable, eval(*stmt.expr, scope));
        GLMV_RETURN_IF_ERROR(for_loop(stmt, iterable, scope, out, 0));
        break;
      }
      case StmtKind::kSet: {
        GLMV_ASSIGN(const Value value, eval(*stmt.expr, scope));
        GLMV_RETURN_IF_ERROR(store(stmt.target, value, scope));
        break;
      }
      case StmtKind::kSetBlock:
        GLMV_RETURN_IF_ERROR(set_block(stmt, scope));
        break;
      case StmtKind::kMacro:
        capture(&scope);
        GLMV_RETURN_IF_ERROR(assign(
            scope, stmt.name,
            Value(std::make_shared<const Callable>(Callable{MacroData{&stmt, &scope}, {}}))));
        break;
      case StmtKind::kGeneration: {
        const size_t begin = out.size();
        Scope* inner = new_scope(&scope);
        GLMV_RETURN_IF_ERROR(block(stmt.body, *inner, out));
        release(inner);
        // Inside a macro the place in the prompt is not known yet.
        if (&out == root_output_ && out.size() > begin) {
          generation_ranges_->push_back({begin, out.size()});
        }
        break;
      }
      case StmtKind::kBreak:
        return Flow::kBreak;
      case StmtKind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kNext;
  }

  Result<Flow> if_statement(const Stmt& stmt, Scope& scope, Text& out) {
    for (size_t i = 0; i < stmt.conditions.size(); ++i) {
      GLMV_ASSIGN(const Value condition, eval(*stmt.conditions[i], scope));
      if (truth(condition)) return block(stmt.branches[i], scope, out);
    }
    return block(stmt.otherwise, scope, out);
  }

  Result<void> for_loop(const Stmt& stmt, const Value& iterable, Scope& scope, Text& out,
                        int depth0) {
    if (depth0 > budget_.limits.max_macro_depth) return too_deep();
    GLMV_ASSIGN(std::vector<Value> items, iterate(budget_, iterable));
    if (stmt.condition) {
      std::vector<Value> kept;
      for (const Value& item : items) {
        Scope* test = new_scope(&scope);
        GLMV_RETURN_IF_ERROR(store(stmt.target, item, *test));
        GLMV_ASSIGN(const Value passes, eval(*stmt.condition, *test));
        release(test);
        if (truth(passes)) kept.push_back(item);
      }
      items = std::move(kept);
    }
    if (items.empty()) {
      Scope* inner = new_scope(&scope);
      GLMV_RETURN_IF_ERROR(block(stmt.otherwise, *inner, out));
      release(inner);
      return {};
    }
    auto loop = std::make_shared<LoopState>();
    loop->items = std::move(items);
    loop->depth0 = depth0;
    if (stmt.recursive) {
      capture(&scope);
      loop->recursive_statement = &stmt;
      loop->scope = &scope;
    }
    for (; loop->index0 < loop->items.size(); ++loop->index0) {
      GLMV_RETURN_IF_ERROR(budget_.spend(1));
      Scope* inner = new_scope(&scope);
      GLMV_RETURN_IF_ERROR(store(stmt.target, loop->items[loop->index0], *inner));
      GLMV_RETURN_IF_ERROR(assign(*inner, "loop", Value(loop)));
      GLMV_ASSIGN(const Flow flow, block(stmt.body, *inner, out));
      release(inner);
      if (flow == Flow::kBreak) break;
    }
    if (loop->index0 >= loop->items.size()) loop->index0 = loop->items.size() - 1;
    return {};
  }

  Result<void> set_block(const Stmt& stmt, Scope& scope) {
    Text text;
    Scope* inner = new_scope(&scope);
    GLMV_RETURN_IF_ERROR(block(stmt.body, *inner, text));
    release(inner);
    GLMV_ASSIGN(Value value, make_string(budget_, std::move(text)));
    if (!stmt.filters.empty()) {
      GLMV_ASSIGN(value, filter_chain(*stmt.filters[0], value, scope));
    }
    return store(stmt.target, value, scope);
  }

  // A chain whose innermost input is the text of a block.
  Result<Value> filter_chain(const Expr& expr, const Value& input, Scope& scope) {
    Value value = input;
    if (expr.args[0]) {
      GLMV_ASSIGN(value, filter_chain(*expr.args[0], input, scope));
    }
    GLMV_ASSIGN(const CallArgs args, arguments(expr, scope));
    return run_filter(budget_, *expr.filter, value, args);
  }

  Result<void> store(const Target& target, const Value& value, Scope& scope) {
    if (target.is_tuple) {
      GLMV_ASSIGN(const std::vector<Value> items, iterate(budget_, value));
      if (items.size() != target.parts.size()) {
        return invalid_argument("cannot unpack {} values into {}", items.size(),
                                target.parts.size());
      }
      for (size_t i = 0; i < items.size(); ++i) {
        GLMV_RETURN_IF_ERROR(store(target.parts[i], items[i], scope));
      }
      return {};
    }
    if (target.attribute.empty()) return assign(scope, target.name, value);
    GLMV_ASSIGN(const Value space, lookup(scope, target.name));
    if (space.kind() != Kind::kNamespace) {
      return invalid_argument("cannot assign attribute on non-namespace object");
    }
    return set_attribute(budget_, *space.as_namespace(), target.attribute, value);
  }

  // ---- expressions ----
  Result<Value> eval(const Expr& expr, Scope& scope) {
    GLMV_RETURN_IF_ERROR(budget_.spend(1));
    if (eval_depth_ >= budget_.limits.max_eval_depth) return too_deep();
    ++eval_depth_;
    line_ = expr.line;
    auto value = dispatch(expr, scope);
    --eval_depth_;
    return value;
  }

  Result<Value> dispatch(const Expr& expr, Scope& scope) {
    switch (expr.kind) {
      case ExprKind::kConst:
        return expr.value;
      case ExprKind::kName:
        return lookup(scope, expr.name);
      case ExprKind::kAttribute: {
        GLMV_ASSIGN(const Value object, eval(*expr.args[0], scope));
        return get_attribute(budget_, object, expr.name);
      }
      case ExprKind::kNot: {
        GLMV_ASSIGN(const Value value, eval(*expr.args[0], scope));
        return Value::boolean(!truth(value));
      }
      case ExprKind::kNegate:
      case ExprKind::kPlus: {
        GLMV_ASSIGN(const Value value, eval(*expr.args[0], scope));
        return negate(value, expr.kind == ExprKind::kNegate);
      }
      case ExprKind::kAnd:
      case ExprKind::kOr: {
        GLMV_ASSIGN(Value left, eval(*expr.args[0], scope));
        if (truth(left) == (expr.kind == ExprKind::kOr)) return left;
        return eval(*expr.args[1], scope);
      }
      case ExprKind::kBinary: {
        GLMV_ASSIGN(const Value left, eval(*expr.args[0], scope));
        GLMV_ASSIGN(const Value right, eval(*expr.args[1], scope));
        return binary(budget_, expr.op, left, right);
      }
      case ExprKind::kCondition: {
        GLMV_ASSIGN(const Value condition, eval(*expr.args[0], scope));
        if (truth(condition)) return eval(*expr.args[1], scope);
        if (expr.args[2]) return eval(*expr.args[2], scope);
        return Value::undefined(
            "the inline if-expression evaluated to false and no else section "
            "was defined");
      }
      case ExprKind::kItem: {
        GLMV_ASSIGN(const Value object, eval(*expr.args[0], scope));
        GLMV_ASSIGN(const Value key, eval(*expr.args[1], scope));
        return get_item(budget_, object, key);
      }
      case ExprKind::kFilter: {
        GLMV_ASSIGN(const Value value, eval(*expr.args[0], scope));
        GLMV_ASSIGN(const CallArgs args, arguments(expr, scope));
        return run_filter(budget_, *expr.filter, value, args);
      }
      case ExprKind::kTest: {
        GLMV_ASSIGN(const Value value, eval(*expr.args[0], scope));
        GLMV_ASSIGN(const CallArgs args, arguments(expr, scope));
        if (!args.named.empty()) return invalid_argument("tests take no keyword arguments");
        GLMV_ASSIGN(const bool passes, run_check(budget_, *expr.check, value, args.positional));
        return Value::boolean(passes);
      }
      case ExprKind::kCall: {
        GLMV_ASSIGN(const Value callee, eval(*expr.args[0], scope));
        GLMV_ASSIGN(const CallArgs args, arguments(expr, scope));
        line_ = expr.line;
        return call(callee, args);
      }
      case ExprKind::kList:
      case ExprKind::kTuple:
        return sequence(expr, scope);
      case ExprKind::kDict:
        return dict(expr, scope);
      case ExprKind::kSlice:
        return slice(expr, scope);
      case ExprKind::kConcat:
        return concat(expr, scope);
      case ExprKind::kCompare:
        return comparison(expr, scope);
    }
    return internal_error("expression kind {} is not handled", static_cast<int>(expr.kind));
  }

  Result<CallArgs> arguments(const Expr& expr, Scope& scope) {
    CallArgs args;
    for (size_t i = 1; i < expr.args.size(); ++i) {
      GLMV_ASSIGN(Value value, eval(*expr.args[i], scope));
      args.positional.push_back(std::move(value));
    }
    for (const auto& [name, argument] : expr.named) {
      GLMV_ASSIGN(Value value, eval(*argument, scope));
      args.named.emplace_back(name, std::move(value));
    }
    return args;
  }

  Result<Value> sequence(const Expr& expr, Scope& scope) {
    std::vector<Value> items;
    for (const ExprPtr& item : expr.args) {
      GLMV_ASSIGN(Value value, eval(*item, scope));
      items.push_back(std::move(value));
    }
    return make_sequence(budget_,
                         expr.kind == ExprKind::kList ? SequenceKind::kList : SequenceKind::kTuple,
                         std::move(items));
  }

  Result<Value> dict(const Expr& expr, Scope& scope) {
    std::vector<std::pair<Value, Value>> items;
    for (size_t i = 0; i < expr.args.size(); i += 2) {
      GLMV_ASSIGN(Value key, eval(*expr.args[i], scope));
      GLMV_ASSIGN(Value value, eval(*expr.args[i + 1], scope));
      items.emplace_back(std::move(key), std::move(value));
    }
    return make_dict(budget_, std::move(items));
  }

  Result<Value> slice(const Expr& expr, Scope& scope) {
    GLMV_ASSIGN(const Value object, eval(*expr.args[0], scope));
    Value bounds[3] = {Value::none(), Value::none(), Value::none()};
    for (int i = 0; i < 3; ++i) {
      if (!expr.args[i + 1]) continue;
      GLMV_ASSIGN(bounds[i], eval(*expr.args[i + 1], scope));
    }
    return get_slice(budget_, object, bounds[0], bounds[1], bounds[2]);
  }

  Result<Value> concat(const Expr& expr, Scope& scope) {
    Text out;
    for (const ExprPtr& part : expr.args) {
      GLMV_ASSIGN(const Value value, eval(*part, scope));
      GLMV_ASSIGN(const Text text, to_str(budget_, value));
      GLMV_RETURN_IF_ERROR(write(out, text));
    }
    return Value::string(std::move(out));
  }

  Result<Value> comparison(const Expr& expr, Scope& scope) {
    GLMV_ASSIGN(Value left, eval(*expr.args[0], scope));
    for (size_t i = 0; i < expr.ops.size(); ++i) {
      GLMV_ASSIGN(Value right, eval(*expr.args[i + 1], scope));
      GLMV_ASSIGN(const bool holds, compare(budget_, expr.ops[i], left, right));
      if (!holds) return Value::boolean(false);
      left = std::move(right);
    }
    return Value::boolean(true);
  }

  // ---- calls ----
  Result<Value> call(const Value& callee, const CallArgs& args) {
    if (callee.is_undefined()) return invalid_argument("{}", callee.undefined_reason());
    if (callee.kind() == Kind::kLoop) return call_loop(*callee.as_loop(), args);
    if (callee.kind() != Kind::kCallable) {
      return invalid_argument("'{}' object is not callable", type_name(callee));
    }
    const Callable& callable = callee.as_callable();
    if (const auto* macro = std::get_if<MacroData>(&callable.what)) {
      return call_macro(*static_cast<const Stmt*>(macro->statement),
                        static_cast<Scope*>(macro->scope), args);
    }
    if (const auto* method = std::get_if<std::string>(&callable.what)) {
      return call_method(budget_, callable.self, *method, args);
    }
    const Global global = std::get<Global>(callable.what);
    GLMV_ASSIGN(Value value, call_global(budget_, global, args));
    if (global == Global::kNamespace) namespaces_.push_back(value.as_namespace());
    return value;
  }

  Result<Value> call_loop(LoopState& loop, const CallArgs& args) {
    if (loop.recursive_statement == nullptr) {
      return invalid_argument(
          "The loop must have the 'recursive' marker to be called recursively.");
    }
    if (args.positional.size() != 1 || !args.named.empty()) {
      return invalid_argument("loop() takes one argument");
    }
    Text out;
    GLMV_RETURN_IF_ERROR(for_loop(*static_cast<const Stmt*>(loop.recursive_statement),
                                  args.positional[0], *static_cast<Scope*>(loop.scope), out,
                                  loop.depth0 + 1));
    return make_string(budget_, std::move(out));
  }

  Result<Value> call_macro(const Stmt& stmt, Scope* defined_in, const CallArgs& args) {
    if (macro_depth_ >= budget_.limits.max_macro_depth) return too_deep();
    if (args.positional.size() > stmt.parameters.size()) {
      return invalid_argument("macro '{}' takes not more than {} argument(s)", stmt.name,
                              stmt.parameters.size());
    }
    ++macro_depth_;
    Scope* scope = new_scope(defined_in);
    for (size_t i = 0; i < stmt.parameters.size(); ++i) {
      const std::string& name = stmt.parameters[i];
      const Value* given = i < args.positional.size() ? &args.positional[i] : nullptr;
      for (const auto& [known, value] : args.named) {
        if (known != name) continue;
        if (given != nullptr) {
          return invalid_argument("macro '{}' got multiple values for argument '{}'", stmt.name,
                                  name);
        }
        given = &value;
      }
      Value value = Value::undefined(fmt::format("parameter '{}' was not provided", name));
      if (given != nullptr) {
        value = *given;
      } else if (stmt.defaults[i]) {
        GLMV_ASSIGN(value, eval(*stmt.defaults[i], *scope));
      }
      GLMV_RETURN_IF_ERROR(assign(*scope, name, std::move(value)));
    }
    for (const auto& [known, value] : args.named) {
      if (std::ranges::find(stmt.parameters, known) == stmt.parameters.end()) {
        return invalid_argument("macro '{}' takes no keyword argument '{}'", stmt.name, known);
      }
    }
    Text out;
    GLMV_RETURN_IF_ERROR(block(stmt.body, *scope, out));
    release(scope);
    --macro_depth_;
    return make_string(budget_, std::move(out));
  }

  Budget budget_;
  std::deque<Scope> scopes_;
  std::vector<Scope*> free_scopes_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
  Text* root_output_ = nullptr;
  std::vector<ByteRange>* generation_ranges_ = nullptr;
  int line_ = 0;
  int eval_depth_ = 0;
  int macro_depth_ = 0;
};

}  // namespace

Result<RenderOutput> run_template(const Block& program,
                                  std::vector<std::pair<std::string, Value>> variables,
                                  const Limits& limits) {
  return Evaluator(limits).run(program, variables);
}

}  // namespace glmv::text::jinja
