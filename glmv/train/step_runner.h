#pragma once
// One optimizer step: packing, forward and backward of every micro-batch, update.

#include <cstdint>
#include <span>
#include <vector>

#include "glmv/model/vlm.h"
#include "glmv/train/collator.h"
#include "glmv/train/loss.h"
#include "glmv/train/optimizer.h"
#include "glmv/train/train_options.h"

namespace glmv::train {

struct StepResult {
  double loss = 0;  // mean over trained tokens, above the least that is possible
  StepOutcome outcome;
  int64_t num_tokens = 0;
  int64_t num_trained = 0;
  int64_t num_micro_batches = 0;
};

// Micro-batches of `samples` as options.max_tokens and grad_accum ask for.
std::vector<MicroBatch> make_micro_batches(std::span<const EncodedSample> samples,
                                           const TrainOptions& options, at::Device device);

// The loss of the step is the sum over all its micro-batches divided by the number of all its
// trained tokens, so how it is cut into micro-batches does not change it. `samples` not empty.
StepResult run_step(const model::Vlm& model, AdamW& optimizer,
                    std::span<const EncodedSample> samples, const TrainOptions& options,
                    double learning_rate);

// Sum of losses over `samples`, no gradients.
LossSum evaluate_samples(const model::Vlm& model, std::span<const EncodedSample> samples,
                         const TrainOptions& options);

}  // namespace glmv::train
