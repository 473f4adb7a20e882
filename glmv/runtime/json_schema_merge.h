#pragma once
// Two JSON schemas that must both hold, as one. Private to json_schema.cc.

#include <functional>
#include <string>

#include "glmv/base/json.h"

namespace glmv::runtime {

struct MergeContext {
  // Target of a "$ref", unprepared.
  std::function<Result<Json>(const std::string& ref, const std::string& pointer)> resolve;
  int num_left = 20000;  // merges; alternatives of alternatives multiply
};

// The schema of what both `a` and `b` allow. References inside are resolved one level, as far as
// the merge needs; a chain of more than 64 is an error. `pointer` is for errors.
Result<Json> merge_schemas(const Json& a, const Json& b, const std::string& pointer,
                           MergeContext& context, int depth = 0);

}  // namespace glmv::runtime
