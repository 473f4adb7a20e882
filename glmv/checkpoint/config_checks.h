#pragma once
// Consistency of a parsed config: a mismatch names the keys and both values.

#include "glmv/checkpoint/hf_config.h"

namespace glmv::checkpoint {

// Keys in errors are those of the current layout ("text_config.hidden_size").
Result<void> check_config(const ModelConfig& config);

}  // namespace glmv::checkpoint
