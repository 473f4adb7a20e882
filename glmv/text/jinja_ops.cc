#include "glmv/text/jinja_ops.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/utf8.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

// Sequences compare with others of the same family only.
bool same_family(const Sequence& a, const Sequence& b) { return a.kind == b.kind; }

Result<bool> equal_dicts(Budget& budget, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    GLMV_ASSIGN(const Value* other, find_key(budget, b, key));
    if (other == nullptr && b.index.empty()) {
      for (const auto& [b_key, b_value] : b.items) {
        GLMV_ASSIGN(const bool same, equals(budget, key, b_key));
        if (same) other = &b_value;
      }
    }
    if (other == nullptr) return false;
    GLMV_ASSIGN(const bool same, equals(budget, value, *other));
    if (!same) return false;
  }
  return true;
}

Result<bool> equal_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.as_integer() == b.as_integer();
  if (a.is_float() && b.is_float()) return a.as_double() == b.as_double();
  const double real = a.is_float() ? a.as_double() : b.as_double();
  const Int whole = a.is_float() ? b.as_integer() : a.as_integer();
  if (std::trunc(real) != real || !(std::abs(real) < 0x1p126)) return false;
  return static_cast<Int>(real) == whole;
}

}  // namespace

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return value.as_bool();
    case Kind::kInt:
      return value.as_integer() != 0;
    case Kind::kFloat:
      return value.as_double() != 0;
    case Kind::kString:
      return !value.as_bytes().empty();
    case Kind::kSequence:
      return value.as_sequence().kind == SequenceKind::kGenerator ||
             !value.as_sequence().items.empty();
    case Kind::kDict:
      return !value.as_dict().items.empty();
    case Kind::kNamespace:
    case Kind::kLoop:
    case Kind::kCallable:
      return true;
  }
  return true;
}

Result<bool> equals(Budget& budget, const Value& a, const Value& b) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      if (a.as_bytes().size() != b.as_bytes().size()) return false;
      GLMV_RETURN_IF_ERROR(budget.spend(a.as_bytes().size() / 256));
      return a.as_bytes() == b.as_bytes();
    case Kind::kSequence: {
      const Sequence& x = a.as_sequence();
      const Sequence& y = b.as_sequence();
      if (&x == &y) return true;
      if (!same_family(x, y) || x.kind == SequenceKind::kGenerator ||
          x.items.size() != y.items.size()) {
        return false;
      }
      for (size_t i = 0; i < x.items.size(); ++i) {
        GLMV_ASSIGN(const bool same, equals(budget, x.items[i], y.items[i]));
        if (!same) return false;
      }
      return true;
    }
    case Kind::kDict:
      return equal_dicts(budget, a.as_dict(), b.as_dict());
    default:
      return a.identity() == b.identity();
  }
}

Result<bool> less(Budget& budget, const Value& a, const Value& b) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  if (a.is_undefined() || b.is_undefined()) {
    return invalid_argument("{}", (a.is_undefined() ? a : b).undefined_reason());
  }
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) return a.as_integer() < b.as_integer();
    return a.as_double() < b.as_double();
  }
  if (a.is_string() && b.is_string()) {
    GLMV_RETURN_IF_ERROR(budget.spend(std::min(a.as_bytes().size(), b.as_bytes().size()) / 256));
    return a.as_bytes() < b.as_bytes();  // UTF-8 keeps the order of code points
  }
  if (a.is_sequence() && b.is_sequence()) {
    const Sequence& x = a.as_sequence();
    const Sequence& y = b.as_sequence();
    if (same_family(x, y) && (x.kind == SequenceKind::kList || x.kind == SequenceKind::kTuple)) {
      for (size_t i = 0; i < x.items.size() && i < y.items.size(); ++i) {
        GLMV_ASSIGN(const bool same, equals(budget, x.items[i], y.items[i]));
        if (!same) return less(budget, x.items[i], y.items[i]);
      }
      return x.items.size() < y.items.size();
    }
  }
  return invalid_argument("'<' not supported between instances of '{}' and '{}'", type_name(a),
                          type_name(b));
}

Result<bool> compare(Budget& budget, CompareOp op, const Value& a, const Value& b) {
  const auto inverted = [](Result<bool> result) {
    if (result) *result = !*result;
    return result;
  };
  // a <= b is not "not b < a" for NaN.
  const auto or_equal = [&](const Value& x, const Value& y) -> Result<bool> {
    GLMV_ASSIGN(const bool below, less(budget, x, y));
    if (below) return true;
    return equals(budget, x, y);
  };
  switch (op) {
    case CompareOp::kEq:
      return equals(budget, a, b);
    case CompareOp::kNe:
      return inverted(equals(budget, a, b));
    case CompareOp::kLt:
      return less(budget, a, b);
    case CompareOp::kGt:
      return less(budget, b, a);
    case CompareOp::kLe:
      return or_equal(a, b);
    case CompareOp::kGe:
      return or_equal(b, a);
    case CompareOp::kIn:
      return contains(budget, b, a);
    case CompareOp::kNotIn:
      return inverted(contains(budget, b, a));
  }
  return internal_error("comparison {} is not handled", static_cast<int>(op));
}

Result<bool> contains(Budget& budget, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kUndefined:
      return false;
    case Kind::kString:
      if (!item.is_string()) {
        return invalid_argument("'in <string>' requires string as left operand, not {}",
                                type_name(item));
      }
      GLMV_RETURN_IF_ERROR(budget.spend(1 + container.as_bytes().size() / 64));
      return container.as_bytes().find(item.as_bytes()) != std::string::npos;
    case Kind::kSequence:
      for (const Value& candidate : container.as_sequence().items) {
        GLMV_ASSIGN(const bool same, equals(budget, candidate, item));
        if (same) return true;
      }
      return false;
    case Kind::kDict: {
      GLMV_ASSIGN(const Value* found, find_key(budget, container.as_dict(), item));
      return found != nullptr;
    }
    default:
      return invalid_argument("argument of type '{}' is not iterable", type_name(container));
  }
}

Result<Int> length(Budget& budget, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return Int{0};
    case Kind::kString:
      GLMV_RETURN_IF_ERROR(budget.spend(value.as_bytes().size() / 128));
      return static_cast<Int>(count_code_points(value.as_bytes()));
    case Kind::kSequence:
      if (value.as_sequence().kind == SequenceKind::kGenerator) break;
      return static_cast<Int>(value.as_sequence().items.size());
    case Kind::kDict:
      return static_cast<Int>(value.as_dict().items.size());
    case Kind::kLoop:
      return static_cast<Int>(value.as_loop()->items.size());
    default:
      break;
  }
  return invalid_argument("object of type '{}' has no len()", type_name(value));
}

Result<std::vector<Value>> iterate(Budget& budget, const Value& value) {
  std::vector<Value> out;
  switch (value.kind()) {
    case Kind::kUndefined:
      return out;
    case Kind::kSequence:
      GLMV_RETURN_IF_ERROR(budget.spend(value.as_sequence().items.size()));
      return value.as_sequence().items;
    case Kind::kDict:
      GLMV_RETURN_IF_ERROR(budget.spend(value.as_dict().items.size()));
      for (const auto& [key, item] : value.as_dict().items) out.push_back(key);
      return out;
    case Kind::kString: {
      const Text& text = value.as_text();
      GLMV_RETURN_IF_ERROR(budget.spend(3 * text.size()));
      for (size_t pos = 0; pos < text.size();) {
        const size_t end = pos + decode_utf8(text.bytes(), pos).num_bytes;
        out.push_back(Value::string(text.slice(pos, end)));
        pos = end;
      }
      return out;
    }
    default:
      return invalid_argument("'{}' object is not iterable", type_name(value));
  }
}

Result<int64_t> to_int64(const Value& value, std::string_view what) {
  if (!value.is_integer()) {
    return invalid_argument("{} must be an integer, not {}", what, type_name(value));
  }
  constexpr Int kBound = Int{1} << 62;
  if (value.as_integer() > kBound || value.as_integer() < -kBound) {
    return invalid_argument("{} is too large", what);
  }
  return static_cast<int64_t>(value.as_integer());
}

}  // namespace glmv::text::jinja
