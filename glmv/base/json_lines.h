#pragma once
// Files with a JSON value in each line.

#include <functional>
#include <string>
#include <string_view>

#include "glmv/base/json.h"

namespace glmv {

// Hands each line over, parsed, with its place ("name:3") for messages; empty lines are passed
// over. Errors: of parse_json() and of `action`, which ends it.
Result<void> each_json_line(
    std::string_view text, const std::string& name,
    const std::function<Result<void>(const Json& json, const std::string& where)>& action);

}  // namespace glmv
