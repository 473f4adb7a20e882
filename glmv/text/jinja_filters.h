#pragma once
// The filters of `x | name(arguments)`.

#include <string>
#include <string_view>

#include "glmv/text/jinja_call.h"

namespace glmv::text::jinja {

struct FilterRow {
  std::string_view name;
  // Parameters after the value, separated by commas; "*" takes the arguments as they come.
  std::string_view parameters;
  int required;
  Result<Value> (*run)(Budget& budget, const Value& value, const Bound& args);
  Result<Value> (*run_raw)(Budget& budget, const Value& value, const CallArgs& args);
};

const FilterRow* find_filter(std::string_view name);
std::string filter_names();
Result<Value> run_filter(Budget& budget, const FilterRow& row, const Value& value,
                         const CallArgs& args);

// The tables that make up the list, one per file.
struct FilterTable {
  const FilterRow* rows;
  size_t size;
};
FilterTable text_filters();
FilterTable list_filters();

// a.b.0 of `value`, as the `attribute` arguments of filters mean it.
Result<Value> get_path(Budget& budget, const Value& value, const Value& path);

}  // namespace glmv::text::jinja
