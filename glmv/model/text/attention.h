#pragma once
// Attention of a batch: every slice over its own tokens and, where it has a cache, over those of
// the cache.

#include <ATen/core/Tensor.h>

#include "glmv/model/vlm.h"

namespace glmv::model {

// k and v [N, G, E] of all tokens, q [K, H, E] of every slice's outputs -> [K, H, E]. Writes k and
// v into the caches at the slices' places, where reserve() made room.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::vector<SequenceSlice>& sequences, int64_t layer, double scale);

}  // namespace glmv::model
