#include "glmv/text/jinja_expression_parser.h"

#include <algorithm>

#include "glmv/text/jinja_checks.h"
#include "glmv/text/jinja_filters.h"

namespace glmv::text::jinja {
namespace {

constexpr int kMaxExprDepth = 200;
constexpr int kMaxNesting = 64;  // brackets, unary operators and conditions inside one another

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kVariableEnd:
      return "end of print statement";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kEnd:
      return "end of template";
    default:
      return token.text.substr(0, 60);
  }
}

}  // namespace

std::unexpected<Status> ExpressionParser::fail(std::string_view what) const {
  return invalid_argument("line {}: {}", current().line, what);
}

Result<void> ExpressionParser::expect(TokenKind kind, std::string_view what) {
  if (current().kind != kind) {
    return fail(fmt::format("expected {}, got '{}'", what, describe(current())));
  }
  next();
  return {};
}

ExprPtr ExpressionParser::make(ExprKind kind) const {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->line = current().line;
  return expr;
}

void ExpressionParser::adopt(Expr& parent, ExprPtr child) {
  if (child) parent.depth = std::max(parent.depth, child->depth + 1);
  parent.args.push_back(std::move(child));
}

Result<ExprPtr> ExpressionParser::finish(ExprPtr expr) const {
  if (expr->depth > kMaxExprDepth) {
    return fail(fmt::format("the expression has more than {} levels", kMaxExprDepth));
  }
  return expr;
}

Result<ExprPtr> ExpressionParser::two(ExprKind kind, ExprPtr a, ExprPtr b) {
  ExprPtr expr = make(kind);
  adopt(*expr, std::move(a));
  adopt(*expr, std::move(b));
  return finish(std::move(expr));
}

Result<ExprPtr> ExpressionParser::expression(bool with_condition) {
  if (nesting_ >= kMaxNesting) {
    return fail(fmt::format("the expression nests deeper than {}", kMaxNesting));
  }
  ++nesting_;
  GLMV_ASSIGN(ExprPtr value, or_expression());
  while (with_condition && skip_name("if")) {
    ExprPtr node = make(ExprKind::kCondition);
    GLMV_ASSIGN(ExprPtr condition, or_expression());
    ExprPtr otherwise;
    if (skip_name("else")) {
      GLMV_ASSIGN(otherwise, expression());
    }
    adopt(*node, std::move(condition));
    adopt(*node, std::move(value));
    adopt(*node, std::move(otherwise));
    GLMV_ASSIGN(value, finish(std::move(node)));
  }
  --nesting_;
  return value;
}

Result<ExprPtr> ExpressionParser::tuple(bool with_condition, bool in_parentheses) {
  ExprPtr node = make(ExprKind::kTuple);
  bool is_tuple = false;
  while (true) {
    const bool at_end = current().kind == TokenKind::kVariableEnd ||
                        current().kind == TokenKind::kBlockEnd || is_operator(")") ||
                        is_name("recursive");
    if (at_end && (is_tuple || (in_parentheses && is_operator(")")))) break;
    GLMV_ASSIGN(ExprPtr item, expression(with_condition));
    adopt(*node, std::move(item));
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !node->args.empty()) return ExprPtr(std::move(node->args[0]));
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::or_expression() {
  GLMV_ASSIGN(ExprPtr left, and_expression());
  while (skip_name("or")) {
    GLMV_ASSIGN(ExprPtr right, and_expression());
    GLMV_ASSIGN(left, two(ExprKind::kOr, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::and_expression() {
  GLMV_ASSIGN(ExprPtr left, not_expression());
  while (skip_name("and")) {
    GLMV_ASSIGN(ExprPtr right, not_expression());
    GLMV_ASSIGN(left, two(ExprKind::kAnd, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::not_expression() {
  if (!is_name("not")) return comparison();
  if (nesting_ >= kMaxNesting) return fail(fmt::format("'not' nests deeper than {}", kMaxNesting));
  ExprPtr node = make(ExprKind::kNot);
  next();
  ++nesting_;
  GLMV_ASSIGN(ExprPtr inner, not_expression());
  --nesting_;
  adopt(*node, std::move(inner));
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::comparison() {
  static constexpr std::pair<std::string_view, CompareOp> kOperators[] = {
      {"==", CompareOp::kEq}, {"!=", CompareOp::kNe}, {"<", CompareOp::kLt},
      {"<=", CompareOp::kLe}, {">", CompareOp::kGt},  {">=", CompareOp::kGe}};
  ExprPtr node = make(ExprKind::kCompare);
  GLMV_ASSIGN(ExprPtr left, sum());
  adopt(*node, std::move(left));
  while (true) {
    const auto* row = std::ranges::find_if(
        kOperators, [&](const auto& candidate) { return is_operator(candidate.first); });
    if (row != std::end(kOperators)) {
      node->ops.push_back(row->second);
      next();
    } else if (skip_name("in")) {
      node->ops.push_back(CompareOp::kIn);
    } else if (is_name("not") && ahead().kind == TokenKind::kName && ahead().text == "in") {
      next();
      next();
      node->ops.push_back(CompareOp::kNotIn);
    } else {
      break;
    }
    GLMV_ASSIGN(ExprPtr right, sum());
    adopt(*node, std::move(right));
  }
  if (node->ops.empty()) return ExprPtr(std::move(node->args[0]));
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::sum() {
  GLMV_ASSIGN(ExprPtr left, concatenation());
  while (is_operator("+") || is_operator("-")) {
    const BinaryOp op = is_operator("+") ? BinaryOp::kAdd : BinaryOp::kSub;
    next();
    GLMV_ASSIGN(ExprPtr right, concatenation());
    GLMV_ASSIGN(left, two(ExprKind::kBinary, std::move(left), std::move(right)));
    left->op = op;
  }
  return left;
}

Result<ExprPtr> ExpressionParser::concatenation() {
  ExprPtr node = make(ExprKind::kConcat);
  do {
    GLMV_ASSIGN(ExprPtr part, product());
    adopt(*node, std::move(part));
  } while (skip_operator("~"));
  if (node->args.size() == 1) return ExprPtr(std::move(node->args[0]));
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::product() {
  static constexpr std::pair<std::string_view, BinaryOp> kOperators[] = {
      {"*", BinaryOp::kMul},
      {"/", BinaryOp::kDiv},
      {"//", BinaryOp::kFloorDiv},
      {"%", BinaryOp::kMod}};
  GLMV_ASSIGN(ExprPtr left, power());
  while (true) {
    const auto* row = std::ranges::find_if(
        kOperators, [&](const auto& candidate) { return is_operator(candidate.first); });
    if (row == std::end(kOperators)) return left;
    next();
    GLMV_ASSIGN(ExprPtr right, power());
    GLMV_ASSIGN(left, two(ExprKind::kBinary, std::move(left), std::move(right)));
    left->op = row->second;
  }
}

Result<ExprPtr> ExpressionParser::power() {
  GLMV_ASSIGN(ExprPtr left, unary(true));
  while (skip_operator("**")) {
    GLMV_ASSIGN(ExprPtr right, unary(true));
    GLMV_ASSIGN(left, two(ExprKind::kBinary, std::move(left), std::move(right)));
    left->op = BinaryOp::kPow;
  }
  return left;
}

Result<ExprPtr> ExpressionParser::unary(bool with_filter) {
  ExprPtr node;
  if (is_operator("-") || is_operator("+")) {
    if (nesting_ >= kMaxNesting) return fail(fmt::format("signs nest deeper than {}", kMaxNesting));
    node = make(is_operator("-") ? ExprKind::kNegate : ExprKind::kPlus);
    next();
    ++nesting_;
    GLMV_ASSIGN(ExprPtr inner, unary(false));
    --nesting_;
    adopt(*node, std::move(inner));
    GLMV_ASSIGN(node, finish(std::move(node)));
  } else {
    GLMV_ASSIGN(node, primary());
  }
  GLMV_ASSIGN(node, postfix(std::move(node)));
  if (!with_filter) return node;
  return filters_and_tests(std::move(node));
}

Result<ExprPtr> ExpressionParser::primary() {
  const Token& token = current();
  ExprPtr node = make(ExprKind::kConst);
  switch (token.kind) {
    case TokenKind::kName:
      if (token.text == "true" || token.text == "True") {
        node->value = Value::boolean(true);
      } else if (token.text == "false" || token.text == "False") {
        node->value = Value::boolean(false);
      } else if (token.text == "none" || token.text == "None") {
        node->value = Value::none();
      } else {
        node->kind = ExprKind::kName;
        node->name = token.text;
      }
      next();
      return node;
    case TokenKind::kString: {
      std::string text;
      while (current().kind == TokenKind::kString) {
        text += current().text;
        next();
      }
      node->value = Value::string(std::move(text));
      return node;
    }
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      node->value = token.number;
      next();
      return node;
    case TokenKind::kOperator:
      if (skip_operator("(")) {
        GLMV_ASSIGN(node, tuple(true, true));
        if (!skip_operator(")")) return fail("expected token ')'");
        return node;
      }
      if (is_operator("[")) return list_literal();
      if (is_operator("{")) return dict_literal();
      [[fallthrough]];
    default:
      return fail(fmt::format("unexpected '{}'", describe(token)));
  }
}

Result<ExprPtr> ExpressionParser::list_literal() {
  ExprPtr node = make(ExprKind::kList);
  next();
  while (!is_operator("]")) {
    if (!node->args.empty() && !skip_operator(",")) return fail("expected token ','");
    if (is_operator("]")) break;
    GLMV_ASSIGN(ExprPtr item, expression());
    adopt(*node, std::move(item));
  }
  next();
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::dict_literal() {
  ExprPtr node = make(ExprKind::kDict);
  next();
  while (!is_operator("}")) {
    if (!node->args.empty() && !skip_operator(",")) return fail("expected token ','");
    if (is_operator("}")) break;
    GLMV_ASSIGN(ExprPtr key, expression());
    if (!skip_operator(":")) return fail("expected token ':'");
    GLMV_ASSIGN(ExprPtr value, expression());
    adopt(*node, std::move(key));
    adopt(*node, std::move(value));
  }
  next();
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::postfix(ExprPtr expr) {
  while (true) {
    if (is_operator(".") || is_operator("[")) {
      GLMV_ASSIGN(expr, subscript(std::move(expr)));
    } else if (is_operator("(")) {
      GLMV_ASSIGN(expr, call(std::move(expr)));
    } else {
      return expr;
    }
  }
}

Result<ExprPtr> ExpressionParser::filters_and_tests(ExprPtr expr) {
  while (true) {
    if (is_operator("|")) {
      GLMV_ASSIGN(expr, filter_chain(std::move(expr)));
    } else if (is_name("is")) {
      GLMV_ASSIGN(expr, test(std::move(expr)));
    } else if (is_operator("(")) {
      GLMV_ASSIGN(expr, call(std::move(expr)));
    } else {
      return expr;
    }
  }
}

Result<ExprPtr> ExpressionParser::call(ExprPtr callee) {
  ExprPtr node = make(ExprKind::kCall);
  adopt(*node, std::move(callee));
  GLMV_RETURN_IF_ERROR(arguments(*node));
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::subscript(ExprPtr expr) {
  if (skip_operator(".")) {
    ExprPtr node = make(ExprKind::kAttribute);
    adopt(*node, std::move(expr));
    if (current().kind == TokenKind::kName) {
      node->name = current().text;
    } else if (current().kind == TokenKind::kInteger) {
      node->kind = ExprKind::kItem;
      ExprPtr index = make(ExprKind::kConst);
      index->value = current().number;
      adopt(*node, std::move(index));
    } else {
      return fail("expected name or number after '.'");
    }
    next();
    return finish(std::move(node));
  }
  next();  // [
  GLMV_ASSIGN(ExprPtr node, index_or_slice(std::move(expr)));
  if (!skip_operator("]")) return fail("expected token ']'");
  return node;
}

Result<ExprPtr> ExpressionParser::index_or_slice(ExprPtr expr) {
  ExprPtr node = make(ExprKind::kSlice);
  adopt(*node, std::move(expr));
  ExprPtr first;
  if (!is_operator(":")) {
    GLMV_ASSIGN(first, expression());
    if (!is_operator(":")) {
      node->kind = ExprKind::kItem;
      if (is_operator(",")) {
        ExprPtr key = make(ExprKind::kTuple);
        adopt(*key, std::move(first));
        while (skip_operator(",")) {
          GLMV_ASSIGN(ExprPtr item, expression());
          adopt(*key, std::move(item));
        }
        first = std::move(key);
      }
      adopt(*node, std::move(first));
      return finish(std::move(node));
    }
  }
  adopt(*node, std::move(first));
  for (int bound = 0; bound < 2; ++bound) {
    ExprPtr value;
    if (skip_operator(":") && !is_operator("]") && !is_operator(":")) {
      GLMV_ASSIGN(value, expression());
    }
    adopt(*node, std::move(value));
  }
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::filter_chain(ExprPtr input) {
  while (skip_operator("|")) {
    GLMV_ASSIGN(input, filter(std::move(input)));
  }
  return input;
}

Result<ExprPtr> ExpressionParser::filter(ExprPtr input) {
  ExprPtr node = make(ExprKind::kFilter);
  if (current().kind != TokenKind::kName) return fail("expected the name of a filter");
  node->name = current().text;
  node->filter = find_filter(node->name);
  if (node->filter == nullptr) {
    return fail(fmt::format("No filter named '{}' (known: {})", node->name, filter_names()));
  }
  next();
  adopt(*node, std::move(input));
  if (is_operator("(")) GLMV_RETURN_IF_ERROR(arguments(*node));
  return finish(std::move(node));
}

Result<ExprPtr> ExpressionParser::test(ExprPtr input) {
  next();  // is
  const bool negated = skip_name("not");
  ExprPtr node = make(ExprKind::kTest);
  if (current().kind != TokenKind::kName) return fail("expected the name of a test");
  node->name = current().text;
  node->check = find_check(node->name);
  if (node->check == nullptr) {
    return fail(fmt::format("No test named '{}' (known: {})", node->name, check_names()));
  }
  next();
  adopt(*node, std::move(input));
  const TokenKind kind = current().kind;
  if (is_operator("(")) {
    GLMV_RETURN_IF_ERROR(arguments(*node));
  } else if ((kind == TokenKind::kName && !is_name("else") && !is_name("or") && !is_name("and")) ||
             kind == TokenKind::kString || kind == TokenKind::kInteger ||
             kind == TokenKind::kFloat || is_operator("[") || is_operator("{")) {
    if (is_name("is")) return fail("You cannot chain multiple tests with is");
    GLMV_ASSIGN(ExprPtr argument, primary());
    GLMV_ASSIGN(argument, postfix(std::move(argument)));
    adopt(*node, std::move(argument));
  }
  if (!negated) return finish(std::move(node));
  ExprPtr inverse = make(ExprKind::kNot);
  adopt(*inverse, std::move(node));
  return finish(std::move(inverse));
}

Result<void> ExpressionParser::arguments(Expr& call) {
  next();  // (
  bool first = true;
  while (!is_operator(")")) {
    if (!first && !skip_operator(",")) return fail("expected token ','");
    if (is_operator(")")) break;
    first = false;
    if (is_operator("*") || is_operator("**")) {
      return fail("calls with *args or **kwargs are not supported");
    }
    if (current().kind == TokenKind::kName && ahead().kind == TokenKind::kOperator &&
        ahead().text == "=") {
      const std::string name = current().text;
      next();
      next();
      GLMV_ASSIGN(ExprPtr value, expression());
      call.depth = std::max(call.depth, value->depth + 1);
      call.named.emplace_back(name, std::move(value));
    } else {
      if (!call.named.empty()) return fail("invalid syntax for function call expression");
      GLMV_ASSIGN(ExprPtr value, expression());
      adopt(call, std::move(value));
    }
  }
  next();
  return {};
}

}  // namespace glmv::text::jinja
