// Arithmetic of jinja_ops.h.
#include <algorithm>
#include <cmath>

#include "glmv/text/jinja_ops.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};

std::unexpected<Status> too_large() {
  return invalid_argument("an integer of more than 127 bits is not supported");
}

Result<Value> power(Int base, Int exponent) {
  if (exponent < 0) {
    if (base == 0) return invalid_argument("0.0 cannot be raised to a negative power");
    return Value::number(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  Int result = 1;
  while (exponent > 0) {
    if (exponent & 1) {
      if (__builtin_mul_overflow(result, base, &result)) return too_large();
    }
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return too_large();
  }
  return Value::integer(result);
}

Result<Value> integers(BinaryOp op, Int a, Int b) {
  Int out = 0;
  switch (op) {
    case BinaryOp::kAdd:
      if (__builtin_add_overflow(a, b, &out)) return too_large();
      return Value::integer(out);
    case BinaryOp::kSub:
      if (__builtin_sub_overflow(a, b, &out)) return too_large();
      return Value::integer(out);
    case BinaryOp::kMul:
      if (__builtin_mul_overflow(a, b, &out)) return too_large();
      return Value::integer(out);
    case BinaryOp::kPow:
      return power(a, b);
    default:
      break;
  }
  if (b == 0) {
    return invalid_argument(
        "{}", op == BinaryOp::kDiv ? "division by zero" : "integer division or modulo by zero");
  }
  if (op == BinaryOp::kDiv) {
    return Value::number(static_cast<double>(a) / static_cast<double>(b));
  }
  if (b == -1) {  // the one quotient that can overflow
    if (op == BinaryOp::kMod) return Value::integer(0);
    if (__builtin_sub_overflow(Int{0}, a, &out)) return too_large();
    return Value::integer(out);
  }
  Int quotient = a / b;
  Int remainder = a % b;
  if (remainder != 0 && ((remainder < 0) != (b < 0))) {
    --quotient;
    remainder += b;
  }
  return Value::integer(op == BinaryOp::kMod ? remainder : quotient);
}

Result<Value> doubles(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd:
      return Value::number(a + b);
    case BinaryOp::kSub:
      return Value::number(a - b);
    case BinaryOp::kMul:
      return Value::number(a * b);
    case BinaryOp::kPow: {
      if (a == 0 && b < 0) return invalid_argument("0.0 cannot be raised to a negative power");
      const double out = std::pow(a, b);
      if (std::isnan(out) && !std::isnan(a) && !std::isnan(b)) {
        return invalid_argument("complex numbers are not supported");
      }
      if (std::isinf(out) && std::isfinite(a) && std::isfinite(b)) {
        return invalid_argument("Numerical result out of range");
      }
      return Value::number(out);
    }
    default:
      break;
  }
  if (b == 0) return invalid_argument("float division or modulo by zero");
  if (op == BinaryOp::kDiv) return Value::number(a / b);
  double remainder = std::fmod(a, b);
  if (remainder != 0) {
    if ((b < 0) != (remainder < 0)) remainder += b;
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (op == BinaryOp::kMod) return Value::number(remainder);
  double quotient = (a - remainder) / b;
  if (quotient != 0) {
    const double floored = std::floor(quotient);
    quotient = quotient - floored > 0.5 ? floored + 1.0 : floored;
  } else {
    quotient = std::copysign(0.0, a / b);
  }
  return Value::number(quotient);
}

Result<Value> repeat(Budget& budget, const Value& what, const Value& times) {
  GLMV_ASSIGN(int64_t count, to_int64(times, "the repeat count"));
  count = std::max<int64_t>(count, 0);
  const size_t limit = budget.limits.max_string_bytes;
  if (what.is_string()) {
    const Text& text = what.as_text();
    if (text.empty()) return what;
    if (static_cast<size_t>(count) > limit / text.size()) {
      return resource_exhausted("the template makes a text of more than {} bytes", limit);
    }
    GLMV_RETURN_IF_ERROR(budget.spend(count));
    Text out;
    for (int64_t i = 0; i < count; ++i) out.append(text);
    return make_string(budget, std::move(out));
  }
  const Sequence& list = what.as_sequence();
  if (list.items.empty()) return what;
  if (static_cast<size_t>(count) > limit / list.items.size()) {
    return resource_exhausted("the template makes a list of more than {} items", limit);
  }
  GLMV_RETURN_IF_ERROR(budget.spend(static_cast<size_t>(count) * list.items.size()));
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) {
    items.insert(items.end(), list.items.begin(), list.items.end());
  }
  return make_sequence(budget, list.kind, std::move(items));
}

bool is_list_or_tuple(const Value& value) {
  return value.is_sequence() && (value.as_sequence().kind == SequenceKind::kList ||
                                 value.as_sequence().kind == SequenceKind::kTuple);
}

}  // namespace

Result<Value> binary(Budget& budget, BinaryOp op, const Value& a, const Value& b) {
  if (op == BinaryOp::kMod && a.is_string()) {
    GLMV_ASSIGN(Text text, percent_format(budget, a.as_text(), b));
    return make_string(budget, std::move(text));
  }
  if (a.is_undefined() || b.is_undefined()) {
    return invalid_argument("{}", (a.is_undefined() ? a : b).undefined_reason());
  }
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) return integers(op, a.as_integer(), b.as_integer());
    return doubles(op, a.as_double(), b.as_double());
  }
  if (op == BinaryOp::kAdd) {
    if (a.is_string() && b.is_string()) {
      GLMV_RETURN_IF_ERROR(budget.spend_bytes(a.as_text().size() + b.as_text().size()));
      Text out = a.as_text();
      out.append(b.as_text());
      return Value::string(std::move(out));
    }
    if (is_list_or_tuple(a) && is_list_or_tuple(b) &&
        a.as_sequence().kind == b.as_sequence().kind) {
      GLMV_RETURN_IF_ERROR(
          budget.spend(a.as_sequence().items.size() + b.as_sequence().items.size()));
      std::vector<Value> items = a.as_sequence().items;
      const std::vector<Value>& more = b.as_sequence().items;
      items.insert(items.end(), more.begin(), more.end());
      return make_sequence(budget, a.as_sequence().kind, std::move(items));
    }
  }
  if (op == BinaryOp::kMul) {
    if ((a.is_string() || is_list_or_tuple(a)) && b.is_integer()) return repeat(budget, a, b);
    if ((b.is_string() || is_list_or_tuple(b)) && a.is_integer()) return repeat(budget, b, a);
  }
  return invalid_argument("unsupported operand type(s) for {}: '{}' and '{}'",
                          kSymbols[static_cast<int>(op)], type_name(a), type_name(b));
}

Result<Value> negate(const Value& value, bool minus) {
  if (value.is_undefined()) return invalid_argument("{}", value.undefined_reason());
  if (value.is_float()) return Value::number(minus ? -value.as_double() : value.as_double());
  if (value.is_integer()) {
    Int out = value.as_integer();
    if (minus && __builtin_sub_overflow(Int{0}, out, &out)) return too_large();
    return Value::integer(out);
  }
  return invalid_argument("bad operand type for unary {}: '{}'", minus ? "-" : "+",
                          type_name(value));
}

}  // namespace glmv::text::jinja
