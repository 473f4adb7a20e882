#include "glmv/text/jinja_methods.h"

#include <algorithm>
#include <functional>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_string_methods.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

using Method = Result<Value> (*)(Budget& budget, const Value& self, const Bound& args);

struct MethodRow {
  std::string_view name;
  std::string_view parameters;
  int required;
  Method run;
};

Result<Value> dict_view(Budget& budget, const Value& self, SequenceKind kind) {
  std::vector<Value> out;
  GLMV_RETURN_IF_ERROR(budget.spend(2 * self.as_dict().items.size()));
  for (const auto& [key, value] : self.as_dict().items) {
    if (kind == SequenceKind::kDictKeys) {
      out.push_back(key);
    } else if (kind == SequenceKind::kDictValues) {
      out.push_back(value);
    } else {
      GLMV_ASSIGN(Value pair, make_sequence(budget, SequenceKind::kTuple, {key, value}));
      out.push_back(std::move(pair));
    }
  }
  return make_sequence(budget, kind, std::move(out));
}

const MethodRow kDictMethods[] = {
    {"items", "", 0,
     [](Budget& b, const Value& self, const Bound&) {
       return dict_view(b, self, SequenceKind::kDictItems);
     }},
    {"keys", "", 0,
     [](Budget& b, const Value& self, const Bound&) {
       return dict_view(b, self, SequenceKind::kDictKeys);
     }},
    {"values", "", 0,
     [](Budget& b, const Value& self, const Bound&) {
       return dict_view(b, self, SequenceKind::kDictValues);
     }},
    {"get", "key,default", 1,
     [](Budget& b, const Value& self, const Bound& args) -> Result<Value> {
       GLMV_ASSIGN(const Value* found, find_key(b, self.as_dict(), *args[0]));
       if (found != nullptr) return *found;
       return args[1].value_or(Value::none());
     }},
    {"copy", "", 0, [](Budget&, const Value& self, const Bound&) -> Result<Value> { return self; }},
};

const MethodRow kListMethods[] = {
    {"index", "value,start,stop", 1,
     [](Budget& b, const Value& self, const Bound& args) -> Result<Value> {
       const std::vector<Value>& items = self.as_sequence().items;
       const auto bound_at = [&](size_t i, int64_t absent) -> Result<int64_t> {
         if (!args[i]) return absent;
         GLMV_ASSIGN(int64_t at, to_int64(*args[i], "index"));
         if (at < 0) at += static_cast<int64_t>(items.size());
         return std::clamp<int64_t>(at, 0, items.size());
       };
       GLMV_ASSIGN(const int64_t start, bound_at(1, 0));
       GLMV_ASSIGN(const int64_t stop, bound_at(2, items.size()));
       for (int64_t i = start; i < stop; ++i) {
         GLMV_ASSIGN(const bool same, equals(b, items[i], *args[0]));
         if (same) return Value::integer(i);
       }
       return invalid_argument("the value is not in the list");
     }},
    {"count", "value", 1,
     [](Budget& b, const Value& self, const Bound& args) -> Result<Value> {
       Int count = 0;
       for (const Value& item : self.as_sequence().items) {
         GLMV_ASSIGN(const bool same, equals(b, item, *args[0]));
         count += same;
       }
       return Value::integer(count);
     }},
    {"copy", "", 0, [](Budget&, const Value& self, const Bound&) -> Result<Value> { return self; }},
};

template <size_t kSize>
const MethodRow* find_row(const MethodRow (&rows)[kSize], std::string_view name) {
  for (const MethodRow& row : rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const MethodRow* find_method(const Value& self, std::string_view name) {
  if (self.is_dict()) return find_row(kDictMethods, name);
  if (!self.is_sequence()) return nullptr;
  const SequenceKind kind = self.as_sequence().kind;
  if (kind == SequenceKind::kTuple || kind == SequenceKind::kRange) {
    return name == "copy" ? nullptr : find_row(kListMethods, name);
  }
  return kind == SequenceKind::kList ? find_row(kListMethods, name) : nullptr;
}

Result<Value> call_loop_method(Budget& budget, LoopState& loop, const std::string& name,
                               const CallArgs& args) {
  if (!args.named.empty()) return invalid_argument("loop.{} takes no keyword arguments", name);
  if (name == "cycle") {
    if (args.positional.empty()) return invalid_argument("no items for cycling given");
    return args.positional[loop.index0 % args.positional.size()];
  }
  bool same = loop.last_changed && loop.last_changed->size() == args.positional.size();
  for (size_t i = 0; same && i < args.positional.size(); ++i) {
    GLMV_ASSIGN(same, equals(budget, (*loop.last_changed)[i], args.positional[i]));
  }
  if (!same) loop.last_changed = args.positional;
  return Value::boolean(!same);
}

}  // namespace

bool has_method(const Value& value, std::string_view name) {
  if (value.is_string()) return has_string_method(name);
  return find_method(value, name) != nullptr;
}

Result<Value> call_method(Budget& budget, const Value& self, const std::string& name,
                          const CallArgs& args) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  if (self.kind() == Kind::kLoop) return call_loop_method(budget, *self.as_loop(), name, args);
  if (self.is_string()) return call_string_method(budget, self, name, args);
  const MethodRow* row = find_method(self, name);
  if (row == nullptr) {
    return invalid_argument("'{} object' has no method '{}'", type_name(self), name);
  }
  GLMV_ASSIGN(const Bound bound, bind_arguments(name, row->parameters, row->required, args));
  return row->run(budget, self, bound);
}

}  // namespace glmv::text::jinja
