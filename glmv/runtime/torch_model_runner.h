#pragma once
// The model runner over a loaded model: builds tensors, encodes one picture at a time, reads the
// prompt in chunks and decodes all running sequences in one forward. Private to this folder.

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/base/sha256.h"
#include "glmv/runtime/model_runner.h"

namespace glmv::model {
class Vlm;
}

namespace glmv::runtime {

struct ModelRunnerOptions {
  int num_threads = 0;       // of the engine thread's tensor operations; 0: the default (all cores)
  std::vector<int> cpus;     // as EngineOptions::cpus
  int64_t cache_tokens = 0;  // limit of the key/value cache, positive
  bool int8_cache = false;   // CPU
  bool guesses = false;      // by the model's MTP layer, where it has one
  bool prefix_cache = true;
  int64_t encoder_cache_bytes = 0;
  Digest model_digest;                     // of the weights as they are computed with
  std::filesystem::path prefix_cache_dir;  // and the next two: as EngineOptions
  int64_t prefix_cache_disk_bytes = 0;
  std::function<void(const std::string&)> on_warning;
};
// Errors: those of the folder for prefixes.
Result<std::unique_ptr<ModelRunner>> make_model_runner(std::shared_ptr<const model::Vlm> model,
                                                       const ModelRunnerOptions& options);

}  // namespace glmv::runtime
