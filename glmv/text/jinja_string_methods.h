#pragma once
// Methods of str, on code points.

#include "glmv/text/jinja_call.h"

namespace glmv::text::jinja {

bool has_string_method(std::string_view name);
Result<Value> call_string_method(Budget& budget, const Value& self, const std::string& name,
                                 const CallArgs& args);

}  // namespace glmv::text::jinja
