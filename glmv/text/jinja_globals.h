#pragma once
// The functions every chat template may call.

#include <optional>
#include <string_view>

#include "glmv/text/jinja_call.h"

namespace glmv::text::jinja {

std::optional<Global> find_global(std::string_view name);
Result<Value> call_global(Budget& budget, Global function, const CallArgs& args);
Result<void> set_attribute(Budget& budget, Namespace& space, const std::string& name,
                           const Value& value);

}  // namespace glmv::text::jinja
