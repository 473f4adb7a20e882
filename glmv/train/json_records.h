#pragma once
// Splits a dataset file into its records without parsing them, so that a file of any size costs
// one pass and two numbers per record.

#include <cstddef>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::train {

struct JsonRecord {
  size_t begin = 0;  // byte range of one JSON value in the file
  size_t end = 0;
  size_t line = 0;  // 1-based line of `begin`
};

// `bytes` is a JSON array, or JSON Lines (one object per non-empty line). The records themselves
// are not checked. Errors: an array that does not end, text behind it, or neither form.
Result<std::vector<JsonRecord>> split_json_records(std::string_view bytes);

}  // namespace glmv::train
