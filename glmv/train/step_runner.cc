#include "glmv/train/step_runner.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <future>

#include "glmv/base/check.h"
#include "glmv/train/autograd_ops.h"
#include "glmv/train/packing.h"

namespace glmv::train {
namespace {

// Gradients of `batches`, one thread each. Autograd adds to a parameter under a lock, so that with
// two threads the sum does not depend on which one is first.
std::vector<LossSum> accumulate_side_by_side(const model::Vlm& model,
                                             std::span<const MicroBatch> batches, double scale,
                                             const TrainOptions& options) {
  const int num_threads = at::get_num_threads();
  const int each = std::max(1, num_threads / static_cast<int>(batches.size()));
  std::vector<std::future<LossSum>> running;
  for (const MicroBatch& batch : batches) {
    running.push_back(std::async(std::launch::async, [&] {
      at::set_num_threads(each);
      return accumulate_gradients(model, batch, scale, options.loss_chunk_rows);
    }));
  }
  std::vector<LossSum> sums;
  for (std::future<LossSum>& one : running) sums.push_back(one.get());
  at::set_num_threads(num_threads);
  return sums;
}

}  // namespace

std::vector<MicroBatch> make_micro_batches(std::span<const EncodedSample> samples,
                                           const TrainOptions& options, at::Device device) {
  std::vector<int64_t> lengths;
  for (const EncodedSample& sample : samples) {
    lengths.push_back(static_cast<int64_t>(sample.input.input_ids.size()));
  }
  std::vector<MicroBatch> batches;
  const int64_t least = std::max(options.grad_accum, options.workers);
  for (const std::vector<int64_t>& bin : pack(lengths, options.max_tokens, least)) {
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
  const std::vector<MicroBatch> batches = make_micro_batches(samples, options, model.device());
  const auto workers = static_cast<size_t>(options.workers);
  for (size_t begin = 0; begin < batches.size(); begin += workers) {
    const auto wave = std::span(batches).subspan(begin, std::min(workers, batches.size() - begin));
    if (wave.size() == 1) {
      const LossSum sum = accumulate_gradients(model, wave[0], scale, options.loss_chunk_rows);
      result.loss += sum.loss * scale;
    } else {
      for (const LossSum& sum : accumulate_side_by_side(model, wave, scale, options)) {
        result.loss += sum.loss * scale;
      }
    }
    optimizer.collect_gradients();
  }
  result.num_micro_batches = static_cast<int64_t>(batches.size());
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
