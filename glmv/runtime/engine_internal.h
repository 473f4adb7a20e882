#pragma once
// Engines from parts: for tests with a scripted runner, and for training and evaluation, which
// already hold the model. Torch-free; include glmv/model/vlm.h to call the second form.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/sha256.h"
#include "glmv/runtime/engine.h"
#include "glmv/runtime/model_runner.h"

namespace glmv::model {
class Vlm;
}

namespace glmv::runtime {

struct EngineSetup {
  EngineOptions options;  // model_dir, dtype and device are not looked at
  checkpoint::ModelConfig config;
  TokenBytes token_bytes;  // may be empty: no stop strings, no masking
  std::vector<int32_t> eos_ids;
  double load_ms = 0;
  int64_t weight_bytes = 0;
  int64_t weight_bytes_per_token = 0;
  std::vector<std::string> warnings;
  Digest model_digest;  // of weights and options; anything where nothing outlives the engine
  int64_t encoder_cache_bytes = 0;
  int64_t media_cache_bytes = 0;
  int64_t auto_draft_tokens = 0;  // what kAutoDrafts means at most
  // Bytes that a request's pictures may still take, and what they take; empty: not looked at.
  std::function<std::optional<int64_t>()> available_bytes;
  std::function<int64_t(int64_t num_patches)> vision_work_bytes;
  int64_t most_drafts() const {
    return options.draft_tokens == kAutoDrafts ? auto_draft_tokens : options.draft_tokens;
  }
  bool check_integrity = false;  // of scheduler and cache after every step: for tests
};

// Errors: invalid_argument for limits that contradict the model.
Result<std::unique_ptr<Engine>> make_engine(std::unique_ptr<ModelRunner> runner, EngineSetup setup);

// The config is taken from the model; eos_ids, when empty, from its config.json. What the engine
// has cached is worth nothing once the weights change: make another, or leave prefix_cache off.
Result<std::unique_ptr<Engine>> make_engine(std::shared_ptr<const model::Vlm> model,
                                            EngineSetup setup);

}  // namespace glmv::runtime
