#include "glmv/train/step_runner.h"

#include <algorithm>

#include "glmv/base/check.h"
#include "glmv/train/autograd_ops.h"
#include "glmv/train/packing.h"

namespace glmv::train {

std::vector<MicroBatch> make_micro_batches(std::span<const EncodedSample> samples,
                                           const TrainOptions& options, at::Device device) {
  std::vector<int64_t> lengths;
  for (const EncodedSample& sample : samples) {
    lengths.push_back(static_cast<int64_t>(sample.input.input_ids.size()));
  }
  std::vector<MicroBatch> batches;
  for (const std::vector<int64_t>& bin : pack(lengths, options.max_tokens, options.grad_accum)) {
    std::vector<const EncodedSample*> members;
    for (int64_t number : bin) members.push_back(&samples[static_cast<size_t>(number)]);
    batches.push_back(make_micro_batch(members, device));
  }
  return batches;
}

StepResult run_step(const model::Vlm& model, AdamW& optimizer,
                    std::span<const EncodedSample> samples, const TrainOptions& options,
                    double learning_rate) {
  GLMV_CHECK(!samples.empty());
  install_training_ops();
  StepResult result;
  for (const EncodedSample& sample : samples) {
    result.num_tokens += static_cast<int64_t>(sample.input.input_ids.size());
    result.num_trained += sample.num_trained;
    result.loss -= sample.least_loss;
  }
  const double scale = 1.0 / static_cast<double>(std::max<int64_t>(1, result.num_trained));
  result.loss *= scale;
  for (const MicroBatch& batch : make_micro_batches(samples, options, model.device())) {
    result.loss += accumulate_gradients(model, batch, scale, options.loss_chunk_rows).loss * scale;
    optimizer.collect_gradients();
    ++result.num_micro_batches;
  }
  result.outcome = optimizer.step(learning_rate);
  return result;
}

LossSum evaluate_samples(const model::Vlm& model, std::span<const EncodedSample> samples,
                         const TrainOptions& options) {
  LossSum total;
  for (const MicroBatch& batch : make_micro_batches(samples, options, model.device())) {
    const LossSum sum = evaluate(model, batch, options.loss_chunk_rows);
    total.loss += sum.loss;
    total.num_tokens += sum.num_tokens;
    total.num_correct += sum.num_correct;
  }
  return total;
}

}  // namespace glmv::train
