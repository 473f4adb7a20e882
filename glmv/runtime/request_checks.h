#pragma once
// Everything a request can get wrong, found before any compute.

#include <cstdint>

#include "glmv/checkpoint/hf_config.h"
#include "glmv/runtime/request.h"

namespace glmv::runtime {

// Checks sampling parameters, stop conditions, ids, media and the context limit. Fills what a
// text-only input may leave out: mm_token_types and position_ids. Returns the largest number of
// tokens the output may have (> 0). Errors: invalid_argument, naming the field and the numbers.
Result<int64_t> check_request(Request& request, const checkpoint::ModelConfig& config,
                              int64_t max_context_tokens, bool has_token_bytes);

}  // namespace glmv::runtime
