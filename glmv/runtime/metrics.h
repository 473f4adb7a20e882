#pragma once
// Counters of an engine, as a snapshot.

#include <cstdint>

namespace glmv::runtime {

struct EngineMetrics {
  int64_t num_waiting = 0;
  int64_t num_running = 0;
  int64_t num_finished = 0;   // with any reason
  int64_t num_failed = 0;     // of these with kError
  int64_t prompt_tokens = 0;     // fed to the model
  int64_t generated_tokens = 0;
  int64_t encoded_patches = 0;
};

}  // namespace glmv::runtime
