#pragma once

#include <ATen/core/Tensor.h>

#include "glmv/checkpoint/hf_config.h"

namespace glmv::model {

struct RopeTable {
  at::Tensor cos;  // [N, R/2]
  at::Tensor sin;  // [N, R/2]
};

// Text mRoPE: frequency i turns with the position axis of its section. position_ids
// [3, N] int64 (t, h, w). Angles in fp32; cos and sin are then cast to `dtype`.
RopeTable text_rope(const checkpoint::RopeConfig& config, const at::Tensor& position_ids_3N,
                    at::ScalarType dtype);

}  // namespace glmv::model
