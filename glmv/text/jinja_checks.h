#pragma once
// The tests of `x is name(argument)`.

#include <string>
#include <string_view>

#include "glmv/text/jinja_value.h"

namespace glmv::text::jinja {

struct CheckRow {
  std::string_view name;
  int num_arguments;
  Result<bool> (*run)(Budget& budget, const Value& value, const Value& argument);
};

const CheckRow* find_check(std::string_view name);
std::string check_names();
Result<bool> run_check(Budget& budget, const CheckRow& row, const Value& value,
                       const std::vector<Value>& arguments);

}  // namespace glmv::text::jinja
