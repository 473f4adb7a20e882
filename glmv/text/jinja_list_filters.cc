// Filters that take or make lists.
#include <algorithm>

#include "glmv/text/jinja_checks.h"
#include "glmv/text/jinja_filters.h"
#include "glmv/text/jinja_methods.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

using Out = Result<Value>;

bool flag(const std::optional<Value>& value, bool absent = false) {
  return value ? truth(*value) : absent;
}

// The value that an item is sorted or compared by.
Result<Value> sort_key(Budget& budget, const Value& item, const std::optional<Value>& attribute,
                       bool case_sensitive) {
  Value key = item;
  if (attribute && !attribute->is_none()) {
    GLMV_ASSIGN(key, get_path(budget, item, *attribute));
  }
  if (!case_sensitive && key.is_string()) return change_case(budget, key.as_text(), Case::kLower);
  return key;
}

Result<std::vector<Value>> sort_keys(Budget& budget, const std::vector<Value>& items,
                                     const std::optional<Value>& attribute, bool case_sensitive) {
  std::vector<Value> keys;
  for (const Value& item : items) {
    GLMV_ASSIGN(Value key, sort_key(budget, item, attribute, case_sensitive));
    keys.push_back(std::move(key));
  }
  return keys;
}

// Stable merge sort of indices: the comparison can fail, which std::sort cannot express.
Result<void> sort_indices(Budget& budget, const std::vector<Value>& keys, bool reverse,
                          std::vector<size_t>& order) {
  std::vector<size_t> merged(order.size());
  for (size_t width = 1; width < order.size(); width *= 2) {
    for (size_t begin = 0; begin < order.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, order.size());
      const size_t end = std::min(begin + 2 * width, order.size());
      size_t left = begin;
      size_t right = middle;
      for (size_t out = begin; out < end; ++out) {
        bool take_right = left == middle;
        if (!take_right && right < end) {
          const Value& a = keys[order[left]];
          const Value& b = keys[order[right]];
          GLMV_ASSIGN(take_right, reverse ? less(budget, a, b) : less(budget, b, a));
        }
        merged[out] = take_right ? order[right++] : order[left++];
      }
    }
    order.swap(merged);
  }
  return {};
}

Result<std::vector<Value>> sorted(Budget& budget, const std::vector<Value>& items,
                                  const std::vector<Value>& keys, bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  GLMV_RETURN_IF_ERROR(sort_indices(budget, keys, reverse, order));
  std::vector<Value> out;
  for (const size_t i : order) out.push_back(items[i]);
  return out;
}

Out first(Budget& budget, const Value& value, const Bound&) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

Out last(Budget& budget, const Value& value, const Bound&) {
  if (value.is_sequence() && value.as_sequence().kind == SequenceKind::kGenerator) {
    return invalid_argument("'generator' object is not reversible");
  }
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Out length_filter(Budget& budget, const Value& value, const Bound&) {
  GLMV_ASSIGN(const Int count, length(budget, value));
  return Value::integer(count);
}

Out list_filter(Budget& budget, const Value& value, const Bound&) {
  GLMV_ASSIGN(std::vector<Value> items, iterate(budget, value));
  return make_list(budget, std::move(items));
}

Out join_filter(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(std::vector<Value> items, iterate(budget, value));
  if (args[1] && !args[1]->is_none()) {
    for (Value& item : items) {
      GLMV_ASSIGN(item, get_path(budget, item, *args[1]));
    }
  }
  Text separator;
  if (args[0]) {
    GLMV_ASSIGN(separator, to_str(budget, *args[0]));
  }
  return join(budget, separator, items, false);
}

Out reverse(Budget& budget, const Value& value, const Bound&) {
  if (value.is_string()) return reversed_text(budget, value.as_text());
  GLMV_ASSIGN(std::vector<Value> items, iterate(budget, value));
  std::ranges::reverse(items);
  return make_sequence(budget, SequenceKind::kGenerator, std::move(items));
}

Out sort_filter(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  std::vector<Value> result = items;
  std::vector<std::optional<Value>> attributes{args[2]};
  if (args[2] && args[2]->is_string() && args[2]->as_bytes().find(',') != std::string::npos) {
    attributes.clear();  // "a,b": by a, then by b; stable sorts from the last to the first
    std::string_view rest = args[2]->as_bytes();
    while (true) {
      const size_t comma = rest.find(',');
      attributes.insert(attributes.begin(), Value::string(std::string(rest.substr(0, comma))));
      if (comma == std::string_view::npos) break;
      rest = rest.substr(comma + 1);
    }
  }
  for (const auto& attribute : attributes) {
    GLMV_ASSIGN(const std::vector<Value> keys, sort_keys(budget, result, attribute, flag(args[1])));
    GLMV_ASSIGN(result, sorted(budget, result, keys, flag(args[0])));
  }
  return make_list(budget, std::move(result));
}

Out dictsort(Budget& budget, const Value& value, const Bound& args) {
  if (!value.is_dict()) return invalid_argument("dictsort needs a dict, not {}", type_name(value));
  GLMV_ASSIGN(const Value pairs, call_method(budget, value, "items", {}));
  const std::string by = args[1] && args[1]->is_string() ? args[1]->as_bytes() : "key";
  if (by != "key" && by != "value")
    return invalid_argument("You can only sort by either 'key' or 'value'");
  const Value position = Value::integer(by == "key" ? 0 : 1);
  const std::vector<Value>& items = pairs.as_sequence().items;
  GLMV_ASSIGN(const std::vector<Value> keys, sort_keys(budget, items, position, flag(args[0])));
  GLMV_ASSIGN(std::vector<Value> out, sorted(budget, items, keys, flag(args[2])));
  return make_list(budget, std::move(out));
}

Out unique(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  GLMV_ASSIGN(const std::vector<Value> keys, sort_keys(budget, items, args[1], flag(args[0])));
  std::vector<std::pair<Value, Value>> by_key;
  std::vector<Value> out;
  for (size_t i = 0; i < items.size(); ++i)
    by_key.emplace_back(keys[i], Value::integer(static_cast<Int>(i)));
  std::ranges::reverse(by_key);  // so that the first of equal keys is the value that stays
  GLMV_ASSIGN(const Value dict, make_dict(budget, std::move(by_key)));
  std::vector<size_t> kept;
  for (const auto& [key, index] : dict.as_dict().items) {
    kept.push_back(static_cast<size_t>(index.as_integer()));
  }
  std::ranges::sort(kept);
  for (const size_t i : kept) out.push_back(items[i]);
  return make_sequence(budget, SequenceKind::kGenerator, std::move(out));
}

template <bool kMax>
Out extreme(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  GLMV_ASSIGN(const std::vector<Value> keys, sort_keys(budget, items, args[1], flag(args[0])));
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    GLMV_ASSIGN(const bool better,
                kMax ? less(budget, keys[best], keys[i]) : less(budget, keys[i], keys[best]));
    if (better) best = i;
  }
  return items[best];
}

Out sum(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  Value total = args[1].value_or(Value::integer(0));
  if (total.is_string()) return invalid_argument("sum() can't sum strings [use ''.join(seq)]");
  for (const Value& item : items) {
    Value part = item;
    if (args[0] && !args[0]->is_none()) {
      GLMV_ASSIGN(part, get_path(budget, item, *args[0]));
    }
    GLMV_ASSIGN(total, binary(budget, BinaryOp::kAdd, total, part));
  }
  return total;
}

Out items_filter(Budget& budget, const Value& value, const Bound&) {
  if (value.is_undefined()) return make_sequence(budget, SequenceKind::kGenerator, {});
  if (!value.is_dict()) return invalid_argument("Can only get item pairs from a mapping.");
  GLMV_ASSIGN(const Value view, call_method(budget, value, "items", {}));
  return make_sequence(budget, SequenceKind::kGenerator, view.as_sequence().items);
}

Out batch(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  GLMV_ASSIGN(const int64_t size, to_int64(*args[0], "linecount"));
  if (size < 1 || size > 1'000'000) return invalid_argument("linecount must be 1 to 1000000");
  std::vector<Value> out;
  for (size_t begin = 0; begin < items.size(); begin += size) {
    const size_t end = std::min(items.size(), begin + static_cast<size_t>(size));
    std::vector<Value> row(items.begin() + begin, items.begin() + end);
    if (args[1] && !args[1]->is_none()) {
      GLMV_RETURN_IF_ERROR(budget.spend(size));
      row.resize(size, *args[1]);
    }
    GLMV_ASSIGN(Value list, make_list(budget, std::move(row)));
    out.push_back(std::move(list));
  }
  return make_sequence(budget, SequenceKind::kGenerator, std::move(out));
}

Out attr(Budget& budget, const Value& value, const Bound& args) {
  // Real attributes only: the keys of a dict are not found by this filter.
  if (!args[0]->is_string() || value.is_dict()) {
    if (!args[0]->is_string() || !has_method(value, args[0]->as_bytes())) {
      return Value::undefined("there is no such attribute");
    }
  }
  return get_attribute(budget, value, args[0]->as_bytes());
}

Out map_filter(Budget& budget, const Value& value, const CallArgs& args) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  std::vector<Value> out;
  if (args.positional.empty()) {
    GLMV_ASSIGN(const Bound bound, bind_arguments("map", "attribute,default", 1, args));
    for (const Value& item : items) {
      GLMV_ASSIGN(Value found, get_path(budget, item, *bound[0]));
      out.push_back(found.is_undefined() && bound[1] ? *bound[1] : std::move(found));
    }
    return make_sequence(budget, SequenceKind::kGenerator, std::move(out));
  }
  if (!args.positional[0].is_string()) return invalid_argument("map needs the name of a filter");
  const FilterRow* row = find_filter(args.positional[0].as_bytes());
  if (row == nullptr) {
    return invalid_argument("No filter named '{}'", args.positional[0].as_bytes().substr(0, 60));
  }
  if (row->run_raw == map_filter) return invalid_argument("map('map') is not supported");
  CallArgs rest = args;
  rest.positional.erase(rest.positional.begin());
  for (const Value& item : items) {
    GLMV_ASSIGN(Value made, run_filter(budget, *row, item, rest));
    out.push_back(std::move(made));
  }
  return make_sequence(budget, SequenceKind::kGenerator, std::move(out));
}

template <bool kKeep, bool kByAttribute>
Out select(Budget& budget, const Value& value, const CallArgs& args) {
  if (!args.named.empty()) return invalid_argument("select takes no keyword arguments");
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, value));
  const size_t skip = kByAttribute ? 1 : 0;
  if (args.positional.size() < skip)
    return invalid_argument("Missing parameter for attribute name");
  const CheckRow* row = nullptr;
  std::vector<Value> rest;
  if (args.positional.size() > skip) {
    const Value& name = args.positional[skip];
    if (name.is_string()) row = find_check(name.as_bytes());
    if (row == nullptr) return invalid_argument("No test of the name given to select");
    rest.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(skip) + 1,
                args.positional.end());
  }
  std::vector<Value> out;
  for (const Value& item : items) {
    Value subject = item;
    if (kByAttribute) {
      GLMV_ASSIGN(subject, get_path(budget, item, args.positional[0]));
    }
    bool passes = truth(subject);
    if (row != nullptr) {
      GLMV_ASSIGN(passes, run_check(budget, *row, subject, rest));
    }
    if (passes == kKeep) out.push_back(item);
  }
  return make_sequence(budget, SequenceKind::kGenerator, std::move(out));
}

const FilterRow kRows[] = {
    {"first", "", 0, first},
    {"last", "", 0, last},
    {"length", "", 0, length_filter},
    {"count", "", 0, length_filter},
    {"list", "", 0, list_filter},
    {"join", "d,attribute", 0, join_filter},
    {"reverse", "", 0, reverse},
    {"sort", "reverse,case_sensitive,attribute", 0, sort_filter},
    {"dictsort", "case_sensitive,by,reverse", 0, dictsort},
    {"unique", "case_sensitive,attribute", 0, unique},
    {"min", "case_sensitive,attribute", 0, extreme<false>},
    {"max", "case_sensitive,attribute", 0, extreme<true>},
    {"sum", "attribute,start", 0, sum},
    {"items", "", 0, items_filter},
    {"batch", "linecount,fill_with", 1, batch},
    {"attr", "name", 1, attr},
    {"map", "*", 0, nullptr, map_filter},
    {"select", "*", 0, nullptr, select<true, false>},
    {"reject", "*", 0, nullptr, select<false, false>},
    {"selectattr", "*", 0, nullptr, select<true, true>},
    {"rejectattr", "*", 0, nullptr, select<false, true>},
};

}  // namespace

FilterTable list_filters() { return {kRows, std::size(kRows)}; }

}  // namespace glmv::text::jinja
