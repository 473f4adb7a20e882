#pragma once
// Everything `glmv train` can be told, with defaults. Model hyperparameters are not here: they are
// the checkpoint's.

#include <cstdint>
#include <string>
#include <vector>

#include "glmv/base/result.h"

namespace CLI {
class App;
}

namespace glmv::train {

struct DataOptions {
  std::string media_dir;                // joined to relative media paths; "": the dataset's folder
  std::string on_bad_sample = "error";  // error | skip
};

struct EncodeOptions {
  // replies: the assistant turns; visual-words: what each visual token shows, read from the
  // merger's rows by the output head, without the decoder.
  std::string objective = "replies";
  std::string history_think =
      "strip";                        // strip | keep: thoughts of all assistant turns but the last
  bool train_think = true;            // false: the thought of the last turn is removed as well
  std::string loss_turns = "all";     // all | last: assistant turns that carry loss
  std::string turn_end = "user";      // user | endoftext: token taught after an assistant turn
  bool trust_special_tokens = false;  // special tokens typed in user and system text count
  int64_t max_pixels = 0;             // per picture after resize; 0: the processor's limit
  int64_t max_sample_tokens = 0;      // longer samples are bad samples; 0: no limit
};

struct OptimizerOptions {
  double learning_rate = 1e-5;
  double min_lr = 0;
  std::string schedule = "cosine";
  int64_t warmup_steps = 0;
  int64_t decay_steps = 0;
  double num_cycles = 1;
  double power = 1;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decay_norms_and_biases = false;
  double clip = 1.0;                // global gradient norm; 0: off
  int64_t max_bad_steps = 5;        // consecutive non-finite steps before giving up
  std::vector<std::string> freeze;  // vision | projector | llm
  std::string freeze_regex;         // further parameters, by name
  double vision_lr_scale = 1;
  double projector_lr_scale = 1;
  double llm_lr_scale = 1;
};

struct TrainOptions {
  std::string model_dir;        // checkpoint to start from
  std::string output_dir;       // checkpoint-N folders, trainer_log.jsonl, loss.png
  std::string resume = "auto";  // auto: the latest checkpoint if any | never | a folder
  std::string dtype = "fp32";   // fp32 | bf16-mixed (bf16 compute, fp32 master weights)
  std::string device = "cpu";

  DataOptions data;
  EncodeOptions encode;
  OptimizerOptions optimizer;

  int64_t total_steps = 0;  // 0: from epochs
  double epochs = 1;
  int64_t batch_samples = 8;       // samples per optimizer step
  int64_t grad_accum = 1;          // at least so many micro-batches per step
  int64_t workers = 1;             // micro-batches computed side by side
  int64_t max_tokens = 4096;       // of a micro-batch; 0: no limit
  int64_t loss_chunk_rows = 1024;  // trained positions whose logits exist at one time
  bool shuffle = true;
  uint64_t seed = 0;
  int64_t prefetch_steps = 2;  // steps whose samples are encoded ahead

  int64_t save_every = 500;  // steps; 0: only at the end
  int64_t keep_last = 2;     // checkpoints kept; 0: all
  bool save_optimizer = true;
  int64_t log_every = 10;
  int64_t eval_every = 0;      // steps; needs an eval source
  int64_t eval_samples = 256;  // at most
};

// Errors name the option, its value and the values allowed.
Result<void> validate(const TrainOptions& options);

// Adds every option to a command; `options` must outlive the parse.
void register_options(CLI::App& app, TrainOptions& options);

}  // namespace glmv::train
