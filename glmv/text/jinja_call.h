#pragma once
// Arguments of calls, and how functions take them.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glmv/text/jinja_value.h"

namespace glmv::text::jinja {

struct CallArgs {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Arguments sorted by parameter; absent ones are nullopt.
using Bound = std::vector<std::optional<Value>>;

// `parameters`: names separated by commas, the first `required` of them needed.
Result<Bound> bind_arguments(std::string_view function, std::string_view parameters, int required,
                             const CallArgs& args);

}  // namespace glmv::text::jinja
