#include "glmv/text/jinja_globals.h"

#include <ctime>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_ops.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // the sandbox's own limit

Result<Value> make_range(Budget& budget, const CallArgs& args) {
  if (!args.named.empty() || args.positional.empty() || args.positional.size() > 3) {
    return invalid_argument("range expected 1 to 3 positional arguments");
  }
  int64_t bounds[3] = {0, 0, 1};
  for (size_t i = 0; i < args.positional.size(); ++i) {
    GLMV_ASSIGN(bounds[i], to_int64(args.positional[i], "an argument of range"));
  }
  if (args.positional.size() == 1) std::swap(bounds[0], bounds[1]);
  const auto [start, stop, step] = bounds;
  if (step == 0) return invalid_argument("range() arg 3 must not be zero");
  const Int distance = step > 0 ? Int{stop} - start : Int{start} - stop;
  const Int stride = step > 0 ? Int{step} : -Int{step};
  const Int count = distance <= 0 ? Int{0} : (distance + stride - 1) / stride;
  if (count > kMaxRange) return resource_exhausted("Range too big. The maximum is {}", kMaxRange);
  GLMV_RETURN_IF_ERROR(budget.spend(static_cast<size_t>(count)));
  auto range = std::make_shared<Sequence>();
  range->kind = SequenceKind::kRange;
  for (Int i = 0; i < count; ++i) range->items.push_back(Value::integer(start + i * step));
  range->range_repr = step == 1 ? fmt::format("range({}, {})", start, stop)
                                : fmt::format("range({}, {}, {})", start, stop, step);
  return Value(std::shared_ptr<const Sequence>(std::move(range)));
}

// dict(mapping or pairs, **named) as a list of pairs.
Result<std::vector<std::pair<Value, Value>>> pairs_of(Budget& budget, const CallArgs& args) {
  std::vector<std::pair<Value, Value>> items;
  if (args.positional.size() > 1) return invalid_argument("dict expected at most 1 argument");
  if (!args.positional.empty()) {
    const Value& source = args.positional[0];
    if (source.is_dict()) {
      items = source.as_dict().items;
    } else {
      GLMV_ASSIGN(const std::vector<Value> rows, iterate(budget, source));
      for (const Value& row : rows) {
        GLMV_ASSIGN(const std::vector<Value> pair, iterate(budget, row));
        if (pair.size() != 2) {
          return invalid_argument("dict element has length {}; 2 is required", pair.size());
        }
        items.emplace_back(pair[0], pair[1]);
      }
    }
  }
  for (const auto& [name, value] : args.named) items.emplace_back(Value::string(name), value);
  return items;
}

Result<Value> format_now(const CallArgs& args) {
  if (args.positional.size() != 1 || !args.positional[0].is_string()) {
    return invalid_argument("strftime_now takes one string");
  }
  const std::string& format = args.positional[0].as_bytes();
  if (format.size() > 1000) return resource_exhausted("the format of strftime_now is too long");
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  // A leading character tells an empty result from a full buffer.
  std::string buffer(16'384, '\0');
  const size_t size = std::strftime(buffer.data(), buffer.size(), (" " + format).c_str(), &local);
  if (size == 0) return invalid_argument("strftime_now: the result is too long");
  return Value::string(repair_utf8(std::string_view(buffer).substr(1, size - 1)));
}

}  // namespace

std::optional<Global> find_global(std::string_view name) {
  if (name == "range") return Global::kRange;
  if (name == "dict") return Global::kDict;
  if (name == "namespace") return Global::kNamespace;
  if (name == "raise_exception") return Global::kRaiseException;
  if (name == "strftime_now") return Global::kStrftimeNow;
  return std::nullopt;
}

Result<void> set_attribute(Budget& budget, Namespace& space, const std::string& name,
                           const Value& value) {
  if (name.starts_with("_")) {
    return invalid_argument("a namespace cannot have the attribute '{}': leading underscore", name);
  }
  GLMV_RETURN_IF_ERROR(budget.spend(1 + space.attributes.size() / 16));
  if (Value* slot = space.find(name)) {
    *slot = value;
  } else {
    space.attributes.emplace_back(name, value);
  }
  return {};
}

Result<Value> call_global(Budget& budget, Global function, const CallArgs& args) {
  GLMV_RETURN_IF_ERROR(budget.spend(1));
  switch (function) {
    case Global::kRange:
      return make_range(budget, args);
    case Global::kDict: {
      GLMV_ASSIGN(auto items, pairs_of(budget, args));
      return make_dict(budget, std::move(items));
    }
    case Global::kNamespace: {
      GLMV_ASSIGN(const auto items, pairs_of(budget, args));
      auto space = std::make_shared<Namespace>();
      for (const auto& [name, value] : items) {
        if (!name.is_string()) return invalid_argument("names of a namespace must be strings");
        GLMV_RETURN_IF_ERROR(set_attribute(budget, *space, name.as_bytes(), value));
      }
      return Value(std::move(space));
    }
    case Global::kRaiseException: {
      GLMV_ASSIGN(const Bound bound, bind_arguments("raise_exception", "message", 1, args));
      GLMV_ASSIGN(const Text text, to_str(budget, *bound[0]));
      return invalid_argument("{}", text.bytes().substr(0, 2000));
    }
    case Global::kStrftimeNow:
      return format_now(args);
  }
  return internal_error("global function {} is not handled", static_cast<int>(function));
}

}  // namespace glmv::text::jinja
