#include "glmv/text/jinja_value.h"

#include <algorithm>
#include <cmath>

namespace glmv::text::jinja {

Result<void> Budget::spend(size_t steps) {
  if (steps > static_cast<size_t>(steps_left_)) {
    steps_left_ = 0;
    return resource_exhausted("the template needs more than {} steps", limits.max_steps);
  }
  steps_left_ -= static_cast<int64_t>(steps);
  return {};
}

Result<void> Budget::spend_bytes(size_t bytes) {
  if (bytes > limits.max_string_bytes) {
    return resource_exhausted("the template makes a text of more than {} bytes",
                              limits.max_string_bytes);
  }
  return spend(bytes / 32);
}

Value Value::undefined(std::string why) {
  Value value;
  value.data_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

Value Value::string(Text text) {
  Value value;
  value.data_ = std::make_shared<const Text>(std::move(text));
  return value;
}

std::string Value::undefined_reason() const {
  const auto& why = std::get<Undefined>(data_).why;
  return why ? *why : "the value is undefined";
}

const void* Value::identity() const {
  switch (kind()) {
    case Kind::kString:
      return std::get<std::shared_ptr<const Text>>(data_).get();
    case Kind::kSequence:
      return std::get<std::shared_ptr<const Sequence>>(data_).get();
    case Kind::kDict:
      return std::get<std::shared_ptr<const Dict>>(data_).get();
    case Kind::kNamespace:
      return as_namespace().get();
    case Kind::kLoop:
      return as_loop().get();
    case Kind::kCallable:
      return std::get<std::shared_ptr<const Callable>>(data_).get();
    default:
      return nullptr;
  }
}

Value* Namespace::find(std::string_view name) {
  for (auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

int depth_of(const Value& value) {
  if (value.is_sequence()) return value.as_sequence().depth;
  if (value.is_dict()) return value.as_dict().depth;
  return 0;
}

namespace {

Result<void> check_depth(const Budget& budget, int depth) {
  if (depth > budget.limits.max_value_depth) {
    return resource_exhausted("the template nests lists or dicts deeper than {}",
                              budget.limits.max_value_depth);
  }
  return {};
}

std::string string_key(std::string_view bytes) { return "s" + std::string(bytes); }

// Equal keys in Python have equal texts here.
Result<std::string> canonical_key(Budget& budget, const Value& key) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  switch (key.kind()) {
    case Kind::kUndefined:
      return "u";
    case Kind::kNone:
      return "n";
    case Kind::kBool:
    case Kind::kInt:
      return fmt::format("i{}", key.as_integer());
    case Kind::kFloat: {
      const double value = key.as_double();
      if (std::trunc(value) == value && std::abs(value) < 0x1p126) {
        return fmt::format("i{}", static_cast<Int>(value));
      }
      return fmt::format("f{}", value);
    }
    case Kind::kString:
      GLMV_RETURN_IF_ERROR(budget.spend_bytes(key.as_bytes().size()));
      return string_key(key.as_bytes());
    case Kind::kSequence:
      if (key.as_sequence().kind == SequenceKind::kTuple) {
        std::string out = "(";
        for (const Value& item : key.as_sequence().items) {
          GLMV_ASSIGN(const std::string part, canonical_key(budget, item));
          GLMV_RETURN_IF_ERROR(budget.spend_bytes(out.size() + part.size()));
          out += fmt::format("{}:{}", part.size(), part);
        }
        return out;
      }
      break;
    case Kind::kDict:
      break;
    default:
      return fmt::format("p{}", key.identity());
  }
  return invalid_argument("unhashable type: '{}'", type_name(key));
}

}  // namespace

const Value* Dict::find(std::string_view key) const {
  if (index.empty()) {
    for (const auto& [name, value] : items) {
      if (name.is_string() && name.as_bytes() == key) return &value;
    }
    return nullptr;
  }
  const auto it = index.find(string_key(key));
  return it == index.end() ? nullptr : &items[it->second].second;
}

Result<Value> make_sequence(Budget& budget, SequenceKind kind, std::vector<Value> items) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + items.size()));
  auto sequence = std::make_shared<Sequence>();
  sequence->kind = kind;
  for (const Value& item : items) sequence->depth = std::max(sequence->depth, 1 + depth_of(item));
  GLMV_RETURN_IF_ERROR(check_depth(budget, sequence->depth));
  sequence->items = std::move(items);
  return Value(std::shared_ptr<const Sequence>(std::move(sequence)));
}

Result<Value> make_list(Budget& budget, std::vector<Value> items) {
  return make_sequence(budget, SequenceKind::kList, std::move(items));
}

Result<Value> make_string(Budget& budget, Text text) {
  GLMV_RETURN_IF_ERROR(budget.spend_bytes(text.size()));
  return Value::string(std::move(text));
}

Result<Value> make_dict(Budget& budget, std::vector<std::pair<Value, Value>> items) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + 3 * items.size()));
  auto dict = std::make_shared<Dict>();
  for (auto& [key, value] : items) {
    GLMV_ASSIGN(std::string canonical, canonical_key(budget, key));
    dict->depth = std::max({dict->depth, 1 + depth_of(value), 1 + depth_of(key)});
    const auto [it, inserted] = dict->index.emplace(std::move(canonical), dict->items.size());
    if (inserted) {
      dict->items.emplace_back(std::move(key), std::move(value));
    } else {
      dict->items[it->second].second = std::move(value);
    }
  }
  GLMV_RETURN_IF_ERROR(check_depth(budget, dict->depth));
  return Value(std::shared_ptr<const Dict>(std::move(dict)));
}

Result<const Value*> find_key(Budget& budget, const Dict& dict, const Value& key) {
  if (key.is_string()) return dict.find(key.as_bytes());
  GLMV_ASSIGN(const std::string canonical, canonical_key(budget, key));
  const auto it = dict.index.find(canonical);
  return it == dict.index.end() ? nullptr : &dict.items[it->second].second;
}

Value from_json(const Json& json, bool mark) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case Json::value_t::number_unsigned:
      return Value::integer(json.get<uint64_t>());
    case Json::value_t::number_float:
      return Value::number(json.get<double>());
    case Json::value_t::string:
      return Value::string(json.get_ref<const std::string&>(), mark);
    case Json::value_t::array: {
      auto list = std::make_shared<Sequence>();
      list->items.reserve(json.size());
      for (const Json& item : json) {
        list->items.push_back(from_json(item, mark));
        list->depth = std::max(list->depth, 1 + depth_of(list->items.back()));
      }
      return Value(std::shared_ptr<const Sequence>(std::move(list)));
    }
    case Json::value_t::object: {
      auto dict = std::make_shared<Dict>();
      dict->items.reserve(json.size());
      // Small objects of string keys are searched by scanning.
      const bool indexed = json.size() > 8;
      for (const auto& [key, item] : json.items()) {
        if (indexed) dict->index.emplace(string_key(key), dict->items.size());
        dict->items.emplace_back(Value::string(key, mark), from_json(item, mark));
        dict->depth = std::max(dict->depth, 1 + depth_of(dict->items.back().second));
      }
      return Value(std::shared_ptr<const Dict>(std::move(dict)));
    }
    default:
      return Value::none();
  }
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kDict:
      return "dict";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kCallable:
      return "function";
    case Kind::kSequence:
      break;
  }
  switch (value.as_sequence().kind) {
    case SequenceKind::kList:
      return "list";
    case SequenceKind::kTuple:
      return "tuple";
    case SequenceKind::kRange:
      return "range";
    case SequenceKind::kGenerator:
      return "generator";
    case SequenceKind::kDictKeys:
      return "dict_keys";
    case SequenceKind::kDictValues:
      return "dict_values";
    case SequenceKind::kDictItems:
      return "dict_items";
  }
  return "object";
}

}  // namespace glmv::text::jinja
