#pragma once

#include <cstdint>
#include <vector>

#include "glmv/checkpoint/hf_config.h"
#include "glmv/model/vlm.h"

namespace glmv::app {

// Random weights from which a small model trains well. Matrices are normal with deviation
// 1/sqrt(fan_in). Embeddings start large and the norms behind each half layer at 0.3, so that the
// residual stream carries the tokens and not twelve random sub-layers; the vision tower's output
// projections shrink with its depth for the same reason.
void init_for_training(const std::vector<model::NamedParameter>& parameters,
                       const checkpoint::ModelConfig& config, uint64_t seed);

}  // namespace glmv::app
