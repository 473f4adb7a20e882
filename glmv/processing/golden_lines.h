#pragma once
// Golden files for the tests of this folder.

#include <string>
#include <vector>

#include "glmv/base/json.h"

namespace glmv::processing {

// Rows of tests/golden/processing/<name>, a JSONL file. Throws when it cannot be read.
std::vector<Json> golden_lines(const std::string& name);

}  // namespace glmv::processing
