#include "glmv/train/step_loader.h"

#include <algorithm>

#include "glmv/base/check.h"

namespace glmv::train {

StepLoader::StepLoader(const SampleSource& source, const Collator& collator,
                       const TrainOptions& options, int64_t first_step, int64_t last_step)
    : source_(source),
      collator_(collator),
      order_(source.size(), options.seed, options.shuffle),
      batch_samples_(options.batch_samples),
      skip_bad_(options.data.on_bad_sample == "skip"),
      depth_(static_cast<size_t>(std::max<int64_t>(1, options.prefetch_steps))),
      next_step_(first_step),
      last_step_(last_step) {
  refill();
}

StepLoader::~StepLoader() = default;

void StepLoader::refill() {
  while (pending_.size() < depth_ && next_step_ < last_step_) {
    pending_.push_back(
        std::async(std::launch::async, [this, step = next_step_] { return load(step); }));
    ++next_step_;
  }
}

Result<StepSamples> StepLoader::next() {
  GLMV_CHECK(!pending_.empty(), "no step is left to load");
  std::future<Result<StepSamples>> front = std::move(pending_.front());
  pending_.pop_front();
  Result<StepSamples> samples = front.get();
  refill();
  return samples;
}

Result<StepSamples> StepLoader::load(int64_t step) const {
  StepSamples result;
  for (int64_t i = 0; i < batch_samples_; ++i) {
    const int64_t index = order_.index_at(step * batch_samples_ + i);
    auto sample = source_.get(index);
    auto encoded = sample ? collator_.encode(std::move(*sample))
                          : Result<EncodedSample>(std::unexpected(sample.error()));
    if (encoded) {
      result.samples.push_back(std::move(*encoded));
      continue;
    }
    const auto named = in_context(fmt::format("sample {}", index), encoded.error());
    if (!skip_bad_) return named;
    result.skipped.push_back(named.error().message);
  }
  return result;
}

}  // namespace glmv::train
