#include "glmv/text/jinja_checks.h"

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_ops.h"
#include "glmv/text/jinja_unicode.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

using Answer = Result<bool>;

template <CompareOp kOp>
Answer compared(Budget& budget, const Value& value, const Value& argument) {
  return compare(budget, kOp, value, argument);
}

Answer modulo_is(Budget& budget, const Value& value, const Value& divisor, int wanted) {
  GLMV_ASSIGN(const Value rest, binary(budget, BinaryOp::kMod, value, divisor));
  return equals(budget, rest, Value::integer(wanted));
}

// str(value).islower() or isupper(): at least one cased character and none of the other case.
Answer all_cased(Budget& budget, const Value& value, bool lower) {
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  bool any = false;
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = decode_utf8(text.bytes(), pos);
    if (is_title(c.code_point) || (lower ? is_upper(c.code_point) : is_lower(c.code_point))) {
      return false;
    }
    any |= lower ? is_lower(c.code_point) : is_upper(c.code_point);
    pos += c.num_bytes;
  }
  return any;
}

bool same_object(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kNone:
      return true;
    case Kind::kBool:
      return a.as_bool() == b.as_bool();
    case Kind::kInt:
      return a.as_integer() == b.as_integer();
    default:
      return a.identity() != nullptr && a.identity() == b.identity();
  }
}

const CheckRow kRows[] = {
    {"defined", 0,
     [](Budget&, const Value& v, const Value&) -> Answer { return !v.is_undefined(); }},
    {"undefined", 0,
     [](Budget&, const Value& v, const Value&) -> Answer { return v.is_undefined(); }},
    {"none", 0, [](Budget&, const Value& v, const Value&) -> Answer { return v.is_none(); }},
    {"boolean", 0, [](Budget&, const Value& v, const Value&) -> Answer { return v.is_bool(); }},
    {"true", 0,
     [](Budget&, const Value& v, const Value&) -> Answer { return v.is_bool() && v.as_bool(); }},
    {"false", 0,
     [](Budget&, const Value& v, const Value&) -> Answer { return v.is_bool() && !v.as_bool(); }},
    {"integer", 0,
     [](Budget&, const Value& v, const Value&) -> Answer { return v.kind() == Kind::kInt; }},
    {"float", 0, [](Budget&, const Value& v, const Value&) -> Answer { return v.is_float(); }},
    {"number", 0, [](Budget&, const Value& v, const Value&) -> Answer { return v.is_number(); }},
    {"string", 0, [](Budget&, const Value& v, const Value&) -> Answer { return v.is_string(); }},
    {"mapping", 0, [](Budget&, const Value& v, const Value&) -> Answer { return v.is_dict(); }},
    {"iterable", 0,
     [](Budget&, const Value& v, const Value&) -> Answer {
       return v.is_undefined() || v.is_string() || v.is_sequence() || v.is_dict() ||
              v.kind() == Kind::kLoop;
     }},
    {"sequence", 0,
     [](Budget&, const Value& v, const Value&) -> Answer {
       if (!v.is_sequence()) return v.is_undefined() || v.is_string() || v.is_dict();
       const SequenceKind kind = v.as_sequence().kind;
       return kind == SequenceKind::kList || kind == SequenceKind::kTuple ||
              kind == SequenceKind::kRange;
     }},
    {"callable", 0,
     [](Budget&, const Value& v, const Value&) -> Answer {
       return v.is_undefined() || v.kind() == Kind::kCallable || v.kind() == Kind::kLoop;
     }},
    {"lower", 0, [](Budget& b, const Value& v, const Value&) { return all_cased(b, v, true); }},
    {"upper", 0, [](Budget& b, const Value& v, const Value&) { return all_cased(b, v, false); }},
    {"odd", 0,
     [](Budget& b, const Value& v, const Value&) { return modulo_is(b, v, Value::integer(2), 1); }},
    {"even", 0,
     [](Budget& b, const Value& v, const Value&) { return modulo_is(b, v, Value::integer(2), 0); }},
    {"divisibleby", 1,
     [](Budget& b, const Value& v, const Value& by) { return modulo_is(b, v, by, 0); }},
    {"sameas", 1,
     [](Budget&, const Value& v, const Value& other) -> Answer { return same_object(v, other); }},
    {"in", 1, compared<CompareOp::kIn>},
    {"eq", 1, compared<CompareOp::kEq>},
    {"equalto", 1, compared<CompareOp::kEq>},
    {"==", 1, compared<CompareOp::kEq>},
    {"ne", 1, compared<CompareOp::kNe>},
    {"!=", 1, compared<CompareOp::kNe>},
    {"lt", 1, compared<CompareOp::kLt>},
    {"lessthan", 1, compared<CompareOp::kLt>},
    {"<", 1, compared<CompareOp::kLt>},
    {"le", 1, compared<CompareOp::kLe>},
    {"<=", 1, compared<CompareOp::kLe>},
    {"gt", 1, compared<CompareOp::kGt>},
    {"greaterthan", 1, compared<CompareOp::kGt>},
    {">", 1, compared<CompareOp::kGt>},
    {"ge", 1, compared<CompareOp::kGe>},
    {">=", 1, compared<CompareOp::kGe>},
};

}  // namespace

const CheckRow* find_check(std::string_view name) {
  for (const CheckRow& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string check_names() {
  std::string out;
  for (const CheckRow& row : kRows) out += (out.empty() ? "" : " ") + std::string(row.name);
  return out;
}

Result<bool> run_check(Budget& budget, const CheckRow& row, const Value& value,
                       const std::vector<Value>& arguments) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  if (static_cast<int>(arguments.size()) != row.num_arguments) {
    return invalid_argument("test '{}' takes {} argument(s), got {}", row.name, row.num_arguments,
                            arguments.size());
  }
  return row.run(budget, value, arguments.empty() ? Value() : arguments[0]);
}

}  // namespace glmv::text::jinja
