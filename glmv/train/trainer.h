#pragma once
// Full fine-tuning of any family: loads the model, walks over the data, saves, resumes. Prints
// nothing; what happens is told through callbacks. No tensor library in this header.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/train/sample_source.h"
#include "glmv/train/train_options.h"

namespace glmv::train {

struct StepReport {
  int64_t step = 0;  // steps done
  int64_t total_steps = 0;
  double epoch = 0;
  double loss = 0;  // mean over the trained tokens of the step
  double learning_rate = 0;
  double grad_norm = 0;     // before clipping
  bool applied = true;      // false: not finite, skipped
  int64_t num_tokens = 0;   // of the step, input
  int64_t num_trained = 0;  // of the step
  int64_t num_samples = 0;
  int64_t num_micro_batches = 0;
  double tokens_per_s = 0;  // smoothed
  double samples_per_s = 0;
  double elapsed_s = 0;  // of the whole run, resumed parts included
  double remaining_s = 0;
};

// "step 120/1000 (12 %)  epoch 0.24  loss 0.532  lr 9.8e-04  grad 0.71  1240 tok/s  8.1 samples/s
// 4m10s left", one line.
std::string progress_line(const StepReport& report);

struct EvalReport {
  int64_t step = 0;
  double loss = 0;
  double accuracy = 0;  // share of trained tokens that are the model's first choice
};

// Called on the training thread.
struct TrainCallbacks {
  std::function<void(const StepReport&)> on_step;
  std::function<void(const EvalReport&)> on_eval;
  std::function<void(const std::filesystem::path& checkpoint, int64_t step)> on_checkpoint;
  std::function<void(const std::string&)> on_warning;
};

struct TrainSummary {
  int64_t step = 0;  // steps done in all
  int64_t total_steps = 0;
  bool stopped = false;  // by the stop flag, after a save
  double loss = 0;       // of the last step
  int64_t skipped_samples = 0;
  int64_t bad_steps = 0;             // with a gradient that was not finite
  std::filesystem::path checkpoint;  // the last one written
};

class Trainer {
 public:
  // Loads model and processor from the checkpoint to resume, else from options.model_dir. Sources
  // must outlive the trainer; `eval` may be null.
  static Result<Trainer> create(TrainOptions options, const SampleSource& train,
                                const SampleSource* eval, TrainCallbacks callbacks);

  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  // Trains to the last step. `stop`, when it becomes true (Ctrl-C), ends the run after the step
  // under way and a save. Errors: bad samples, a full disk, gradients that stay non-finite.
  Result<TrainSummary> run(const std::atomic<bool>* stop = nullptr);

  int64_t start_step() const;  // > 0: resumed
  int64_t total_steps() const;
  int64_t num_parameters() const;
  int64_t num_trainable() const;
  std::optional<std::filesystem::path> resumed_from() const;

 private:
  struct Impl;
  explicit Trainer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace glmv::train
