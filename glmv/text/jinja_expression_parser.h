#pragma once
// The expression half of the parser; jinja_parser.cc adds the statements.

#include <string>
#include <string_view>
#include <vector>

#include "glmv/text/jinja_ast.h"
#include "glmv/text/jinja_lexer.h"

namespace glmv::text::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

 protected:
  const Token& current() const { return tokens_[pos_]; }
  const Token& ahead() const { return tokens_[std::min(pos_ + 1, tokens_.size() - 1)]; }
  void next() { pos_ += pos_ + 1 < tokens_.size(); }
  bool step_back() { return pos_ > 0 && (--pos_, true); }
  bool is_name(std::string_view name) const {
    return current().kind == TokenKind::kName && current().text == name;
  }
  bool is_operator(std::string_view op) const {
    return current().kind == TokenKind::kOperator && current().text == op;
  }
  bool skip_name(std::string_view name) { return is_name(name) && (next(), true); }
  bool skip_operator(std::string_view op) { return is_operator(op) && (next(), true); }
  std::unexpected<Status> fail(std::string_view what) const;
  Result<void> expect(TokenKind kind, std::string_view what);

  Result<ExprPtr> expression(bool with_condition = true);
  // a, b, c without parentheses; one expression alone stays itself.
  Result<ExprPtr> tuple(bool with_condition, bool in_parentheses = false);
  // | filter | filter(...), on `input` (null: the text of a block).
  Result<ExprPtr> filter_chain(ExprPtr input);

 private:
  ExprPtr make(ExprKind kind) const;
  // Adds a child and keeps the depth; too deep trees are refused by finish().
  static void adopt(Expr& parent, ExprPtr child);
  Result<ExprPtr> finish(ExprPtr expr) const;
  Result<ExprPtr> two(ExprKind kind, ExprPtr a, ExprPtr b);

  Result<ExprPtr> or_expression();
  Result<ExprPtr> and_expression();
  Result<ExprPtr> not_expression();
  Result<ExprPtr> comparison();
  Result<ExprPtr> sum();
  Result<ExprPtr> concatenation();
  Result<ExprPtr> product();
  Result<ExprPtr> power();
  Result<ExprPtr> unary(bool with_filter);
  Result<ExprPtr> primary();
  Result<ExprPtr> list_literal();
  Result<ExprPtr> dict_literal();
  Result<ExprPtr> postfix(ExprPtr expr);
  Result<ExprPtr> filters_and_tests(ExprPtr expr);
  Result<ExprPtr> subscript(ExprPtr expr);
  Result<ExprPtr> call(ExprPtr callee);
  Result<ExprPtr> index_or_slice(ExprPtr expr);
  Result<ExprPtr> filter(ExprPtr input);
  Result<ExprPtr> test(ExprPtr input);
  Result<void> arguments(Expr& call);

  std::vector<Token> tokens_;
  size_t pos_ = 0;
  int nesting_ = 0;
};

}  // namespace glmv::text::jinja
