#pragma once
// The encoded samples of each optimizer step, prepared ahead on other threads. What a step holds
// depends on its number alone, so reading ahead and resuming cannot change it.

#include <cstdint>
#include <deque>
#include <future>
#include <string>
#include <vector>

#include "glmv/train/collator.h"
#include "glmv/train/data_order.h"
#include "glmv/train/sample_source.h"
#include "glmv/train/train_options.h"

namespace glmv::train {

struct StepSamples {
  std::vector<EncodedSample> samples;
  std::vector<std::string> skipped;  // why samples were left out (on_bad_sample = skip)
};

class StepLoader {
 public:
  // Source and collator must outlive the loader. Steps first_step .. last_step - 1 are delivered.
  StepLoader(const SampleSource& source, const Collator& collator, const TrainOptions& options,
             int64_t first_step, int64_t last_step);
  ~StepLoader();  // waits for the work under way

  // The next step's samples; errors name the sample.
  Result<StepSamples> next();

 private:
  Result<StepSamples> load(int64_t step) const;
  void refill();

  const SampleSource& source_;
  const Collator& collator_;
  DataOrder order_;
  int64_t batch_samples_;
  bool skip_bad_;
  size_t depth_;
  int64_t next_step_;
  int64_t last_step_;
  std::deque<std::future<Result<StepSamples>>> pending_;
};

}  // namespace glmv::train
