#include "glmv/text/jinja_parser.h"

#include <algorithm>

#include "glmv/text/jinja_expression_parser.h"

namespace glmv::text::jinja {
namespace {

constexpr int kMaxBlockDepth = 64;

class StatementParser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  // Up to one of `ends` (block names, consumed with nothing after the name), or the end of file
  // when there are none. The name found is left in `ended_by`.
  Result<Block> body(std::initializer_list<std::string_view> ends, std::string* ended_by) {
    if (++depth_ > kMaxBlockDepth)
      return fail(fmt::format("blocks nest deeper than {}", kMaxBlockDepth));
    Block out;
    while (true) {
      const Token& token = current();
      if (token.kind == TokenKind::kEnd) {
        if (ends.size() == 0) break;
        return fail(fmt::format("unexpected end of template, expected '{}'", *(ends.end() - 1)));
      }
      if (token.kind == TokenKind::kText) {
        auto stmt = make(StmtKind::kText);
        stmt->text = Value::string(token.text);
        next();
        out.push_back(std::move(stmt));
      } else if (token.kind == TokenKind::kVariableBegin) {
        auto stmt = make(StmtKind::kOutput);
        next();
        GLMV_ASSIGN(stmt->expr, tuple(true));
        GLMV_RETURN_IF_ERROR(expect(TokenKind::kVariableEnd, "end of print statement"));
        out.push_back(std::move(stmt));
      } else {
        next();  // kBlockBegin: nothing else can follow here
        if (current().kind != TokenKind::kName) return fail("tag name expected");
        if (std::ranges::find(ends, current().text) != ends.end()) {
          *ended_by = current().text;
          next();
          break;
        }
        GLMV_ASSIGN(auto stmt, statement());
        GLMV_RETURN_IF_ERROR(expect(TokenKind::kBlockEnd, "end of statement block"));
        if (stmt) out.push_back(std::move(stmt));
      }
    }
    --depth_;
    return out;
  }

 private:
  std::unique_ptr<Stmt> make(StmtKind kind) const {
    auto stmt = std::make_unique<Stmt>();
    stmt->kind = kind;
    stmt->line = current().line;
    return stmt;
  }

  Result<std::unique_ptr<Stmt>> statement() {
    const std::string name = current().text;
    if (name == "if") return if_statement();
    if (name == "for") return for_statement();
    if (name == "set") return set_statement();
    if (name == "macro") return macro_statement();
    if (name == "generation") return generation_statement();
    if (name == "break" || name == "continue") {
      if (loop_depth_ == 0) return fail(fmt::format("'{}' outside of a loop", name));
      auto stmt = make(name == "break" ? StmtKind::kBreak : StmtKind::kContinue);
      next();
      return stmt;
    }
    for (const std::string_view known : {"include", "extends", "import", "from", "block", "call",
                                         "filter", "with", "autoescape", "trans", "do", "debug"}) {
      if (name == known) return fail(fmt::format("the statement '{}' is not supported", name));
    }
    return fail(fmt::format("Encountered unknown tag '{}'", name));
  }

  Result<Block> inner(std::initializer_list<std::string_view> ends, std::string* ended_by) {
    GLMV_RETURN_IF_ERROR(expect(TokenKind::kBlockEnd, "end of statement block"));
    return body(ends, ended_by);
  }

  Result<std::unique_ptr<Stmt>> if_statement() {
    auto stmt = make(StmtKind::kIf);
    std::string end;
    do {
      next();  // if, elif (consumed by body() except the first time)
      GLMV_RETURN_IF_ERROR(branch(*stmt, end));
    } while (end == "elif" && step_back());
    if (end == "else") {
      GLMV_ASSIGN(stmt->otherwise, inner({"endif"}, &end));
    }
    return stmt;
  }

  Result<void> branch(Stmt& stmt, std::string& end) {
    GLMV_ASSIGN(ExprPtr condition, tuple(false));
    GLMV_ASSIGN(Block block, inner({"elif", "else", "endif"}, &end));
    stmt.conditions.push_back(std::move(condition));
    stmt.branches.push_back(std::move(block));
    return {};
  }

  Result<std::unique_ptr<Stmt>> for_statement() {
    auto stmt = make(StmtKind::kFor);
    next();
    GLMV_ASSIGN(stmt->target, target(false));
    if (!skip_name("in")) return fail("expected 'in' in a for statement");
    GLMV_ASSIGN(stmt->expr, tuple(false));
    if (skip_name("if")) {
      GLMV_ASSIGN(stmt->condition, expression());
    }
    stmt->recursive = skip_name("recursive");
    std::string end;
    ++loop_depth_;
    GLMV_ASSIGN(stmt->body, inner({"endfor", "else"}, &end));
    --loop_depth_;
    if (end == "else") {
      GLMV_ASSIGN(stmt->otherwise, inner({"endfor"}, &end));
    }
    return stmt;
  }

  Result<std::unique_ptr<Stmt>> set_statement() {
    auto stmt = make(StmtKind::kSet);
    next();
    GLMV_ASSIGN(stmt->target, target(true));
    if (skip_operator("=")) {
      GLMV_ASSIGN(stmt->expr, tuple(true));
      return stmt;
    }
    stmt->kind = StmtKind::kSetBlock;
    if (is_operator("|")) {
      GLMV_ASSIGN(ExprPtr chain, filter_chain(nullptr));
      stmt->filters.push_back(std::move(chain));
    }
    std::string end;
    GLMV_ASSIGN(stmt->body, closed_body({"endset"}, &end));
    return stmt;
  }

  // A body in which break and continue cannot reach the loop around it.
  Result<Block> closed_body(std::initializer_list<std::string_view> ends, std::string* ended_by) {
    const int outer = loop_depth_;
    loop_depth_ = 0;
    auto block = inner(ends, ended_by);
    loop_depth_ = outer;
    return block;
  }

  Result<std::unique_ptr<Stmt>> macro_statement() {
    auto stmt = make(StmtKind::kMacro);
    next();
    if (current().kind != TokenKind::kName) return fail("expected the name of the macro");
    stmt->name = current().text;
    next();
    if (!skip_operator("(")) return fail("expected '(' after the name of the macro");
    while (!is_operator(")")) {
      if (!stmt->parameters.empty() && !skip_operator(",")) return fail("expected ','");
      if (current().kind != TokenKind::kName) return fail("expected the name of a parameter");
      stmt->parameters.push_back(current().text);
      next();
      ExprPtr value;
      if (skip_operator("=")) {
        GLMV_ASSIGN(value, expression());
      } else if (!stmt->defaults.empty() && stmt->defaults.back()) {
        return fail("non-default argument follows default argument");
      }
      stmt->defaults.push_back(std::move(value));
    }
    next();
    std::string end;
    GLMV_ASSIGN(stmt->body, closed_body({"endmacro"}, &end));
    return stmt;
  }

  Result<std::unique_ptr<Stmt>> generation_statement() {
    auto stmt = make(StmtKind::kGeneration);
    next();
    std::string end;
    GLMV_ASSIGN(stmt->body, closed_body({"endgeneration"}, &end));
    return stmt;
  }

  Result<Target> target(bool with_namespace) {
    Target out;
    bool is_tuple = false;
    while (true) {
      const bool at_end = current().kind == TokenKind::kBlockEnd || is_operator("=") ||
                          is_operator(")") || is_name("in");
      if (at_end && is_tuple) break;
      GLMV_ASSIGN(Target part, single_target(with_namespace));
      out.parts.push_back(std::move(part));
      if (!skip_operator(",")) break;
      is_tuple = true;
    }
    if (!is_tuple) return Target(std::move(out.parts[0]));
    out.is_tuple = true;
    return out;
  }

  Result<Target> single_target(bool with_namespace) {
    if (++depth_ > kMaxBlockDepth) return fail("the assignment nests too deep");
    Target out;
    if (skip_operator("(")) {
      GLMV_ASSIGN(out, target(with_namespace));
      if (!skip_operator(")")) return fail("expected ')'");
    } else {
      if (current().kind != TokenKind::kName) return fail("can't assign to that");
      out.name = current().text;
      for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
        if (out.name == constant) return fail(fmt::format("can't assign to '{}'", out.name));
      }
      next();
      if (with_namespace && skip_operator(".")) {
        if (current().kind != TokenKind::kName) return fail("expected an attribute name");
        out.attribute = current().text;
        next();
      }
    }
    --depth_;
    return out;
  }

  int depth_ = 0;
  int loop_depth_ = 0;
};

}  // namespace

Result<Block> parse_template(std::string_view source) {
  GLMV_ASSIGN(std::vector<Token> tokens, tokenize(source));
  StatementParser parser(std::move(tokens));
  std::string ended_by;
  return parser.body({}, &ended_by);
}

}  // namespace glmv::text::jinja
