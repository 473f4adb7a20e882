#pragma once
// Token cross-entropy on trained positions only, in chunks, so that the logits of the whole batch
// never exist at one time. Shape legend: N tokens, K trained positions,
// D hidden size, V vocabulary.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "glmv/model/vlm.h"
#include "glmv/train/micro_batch.h"

namespace glmv::train {

struct LossSum {
  double loss = 0;          // sum of token cross-entropies, in fp32 per chunk
  int64_t num_tokens = 0;   // K
  int64_t num_correct = 0;  // arg max = target; only from evaluate()
};

// Forward and backward of one micro-batch: adds the gradients of scale * (sum of cross-entropies)
// to the parameters. With scale = 1 / (trained tokens of the whole optimizer step) the gradients
// of its micro-batches add up to those of the mean over all its tokens.
LossSum accumulate_gradients(const model::Vlm& model, const MicroBatch& batch, double scale,
                             int64_t chunk_rows);

// The same sum without gradients, and how many tokens the model would have got right.
LossSum evaluate(const model::Vlm& model, const MicroBatch& batch, int64_t chunk_rows);

}  // namespace glmv::train
