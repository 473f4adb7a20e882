// Attributes, items and slices of jinja_ops.h.
#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_methods.h"
#include "glmv/text/jinja_ops.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

Value no_attribute(const Value& value, std::string_view name) {
  return Value::undefined(fmt::format("'{} object' has no attribute '{}'", type_name(value), name));
}

Value method(const Value& value, const std::string& name) {
  return Value(std::make_shared<const Callable>(Callable{name, value}));
}

Value loop_attribute(const Value& value, const std::string& name) {
  const LoopState& loop = *value.as_loop();
  const size_t size = loop.items.size();
  const auto number = [](size_t n) { return Value::integer(static_cast<Int>(n)); };
  if (name == "index0") return number(loop.index0);
  if (name == "index") return number(loop.index0 + 1);
  if (name == "revindex0") return number(size - loop.index0 - 1);
  if (name == "revindex") return number(size - loop.index0);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(loop.index0 + 1 == size);
  if (name == "length") return number(size);
  if (name == "depth0") return Value::integer(loop.depth0);
  if (name == "depth") return Value::integer(loop.depth0 + 1);
  if (name == "previtem") {
    return loop.index0 > 0 ? loop.items[loop.index0 - 1]
                           : Value::undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return loop.index0 + 1 < size ? loop.items[loop.index0 + 1]
                                  : Value::undefined("there is no next item");
  }
  if (name == "cycle" || name == "changed") return method(value, name);
  return no_attribute(value, name);
}

// Undefined when out of range, as Jinja does.
Result<Value> index_item(Budget& budget, const Value& value, Int index) {
  GLMV_ASSIGN(const Int size, length(budget, value));
  if (index < 0) index += size;
  if (index < 0 || index >= size) {
    return Value::undefined(fmt::format("'{} object' has no element {}", type_name(value), index));
  }
  if (value.is_sequence()) return value.as_sequence().items[static_cast<size_t>(index)];
  const Text& text = value.as_text();
  GLMV_RETURN_IF_ERROR(budget.spend(text.size() / 64));
  const size_t begin = code_point_offset(text.bytes(), static_cast<size_t>(index));
  return Value::string(text.slice(begin, begin + decode_utf8(text.bytes(), begin).num_bytes));
}

bool is_indexable(const Value& value) {
  if (value.is_string()) return true;
  if (!value.is_sequence()) return false;
  const SequenceKind kind = value.as_sequence().kind;
  return kind == SequenceKind::kList || kind == SequenceKind::kTuple ||
         kind == SequenceKind::kRange;
}

// Python's slice.indices for one bound.
Result<int64_t> bound(const Value& value, int64_t size, int64_t absent, bool backwards) {
  if (value.is_none()) return absent;
  GLMV_ASSIGN(int64_t at, to_int64(value, "a slice bound"));
  if (at < 0) at += size;
  const int64_t low = backwards ? -1 : 0;
  const int64_t high = backwards ? size - 1 : size;
  return std::clamp(at, low, high);
}

}  // namespace

Result<Value> get_attribute(Budget& budget, const Value& value, const std::string& name) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  switch (value.kind()) {
    case Kind::kUndefined:
      return invalid_argument("{}", value.undefined_reason());
    case Kind::kNamespace: {
      GLMV_RETURN_IF_ERROR(budget.spend(value.as_namespace()->attributes.size() / 16));
      const Value* found = value.as_namespace()->find(name);
      return found ? *found : no_attribute(value, name);
    }
    case Kind::kLoop:
      return loop_attribute(value, name);
    case Kind::kDict: {
      if (has_method(value, name)) return method(value, name);
      const Value* found = value.as_dict().find(name);
      return found ? *found : no_attribute(value, name);
    }
    default:
      if (has_method(value, name)) return method(value, name);
      return no_attribute(value, name);
  }
}

Result<Value> get_item(Budget& budget, const Value& value, const Value& key) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  if (value.is_undefined()) return invalid_argument("{}", value.undefined_reason());
  if (key.is_integer() && is_indexable(value)) return index_item(budget, value, key.as_integer());
  if (value.is_dict()) {
    // An unhashable key is an absent one: Jinja swallows the TypeError.
    const auto found = find_key(budget, value.as_dict(), key);
    if (found && *found != nullptr) return **found;
    if (!found && found.error().code == Code::kResourceExhausted) {
      return std::unexpected(found.error());
    }
  }
  if (key.is_string()) {
    if (value.is_dict() || value.kind() == Kind::kNamespace || value.kind() == Kind::kLoop ||
        has_method(value, key.as_bytes())) {
      return get_attribute(budget, value, key.as_bytes());
    }
    return no_attribute(value, key.as_bytes());
  }
  GLMV_ASSIGN(const Text text, to_repr(budget, key));
  return Value::undefined(
      fmt::format("'{} object' has no element {}", type_name(value), text.bytes()));
}

Result<Value> get_slice(Budget& budget, const Value& value, const Value& start, const Value& stop,
                        const Value& step) {
  if (value.is_undefined()) return invalid_argument("{}", value.undefined_reason());
  if (!is_indexable(value)) {
    return invalid_argument("'{}' object cannot be sliced", type_name(value));
  }
  int64_t stride = 1;
  if (!step.is_none()) {
    GLMV_ASSIGN(stride, to_int64(step, "the slice step"));
  }
  if (stride == 0) return invalid_argument("slice step cannot be zero");
  GLMV_ASSIGN(const Int length_of_value, length(budget, value));
  const int64_t size = static_cast<int64_t>(length_of_value);
  const bool backwards = stride < 0;
  GLMV_ASSIGN(const int64_t first, bound(start, size, backwards ? size - 1 : 0, backwards));
  GLMV_ASSIGN(const int64_t last, bound(stop, size, backwards ? -1 : size, backwards));
  stride = std::clamp<int64_t>(stride, -size - 1, size + 1);  // no overflow below
  GLMV_RETURN_IF_ERROR(budget.spend(1 + (value.is_string() ? value.as_bytes().size() / 16 : 0)));

  if (value.is_string() && stride == 1) {
    const Text& text = value.as_text();
    if (first >= last) return Value::string("");
    const size_t begin = code_point_offset(text.bytes(), first);
    const size_t end =
        begin + code_point_offset(std::string_view(text.bytes()).substr(begin), last - first);
    return make_string(budget, text.slice(begin, end));
  }
  std::vector<Value> items;
  if (value.is_string()) {
    GLMV_ASSIGN(items, iterate(budget, value));
  }
  const std::vector<Value>& source = value.is_string() ? items : value.as_sequence().items;
  std::vector<Value> picked;
  for (int64_t i = first; backwards ? i > last : i < last; i += stride) picked.push_back(source[i]);
  GLMV_RETURN_IF_ERROR(budget.spend(picked.size()));
  if (!value.is_string()) {
    const SequenceKind kind = value.as_sequence().kind;
    return make_sequence(budget, kind == SequenceKind::kRange ? SequenceKind::kList : kind,
                         std::move(picked));
  }
  Text out;
  for (const Value& c : picked) out.append(c.as_text());
  return make_string(budget, std::move(out));
}

}  // namespace glmv::text::jinja
