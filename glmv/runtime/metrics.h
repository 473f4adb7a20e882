#pragma once
// Counters of an engine, as a snapshot.

#include <cstdint>

namespace glmv::runtime {

// Blocks of the key/value cache.
struct CacheUse {
  int64_t max_blocks = 0;
  int64_t used_blocks = 0;    // held by requests
  int64_t cached_blocks = 0;  // held for later requests with the same beginning
  int64_t block_tokens = 64;
  int64_t loaded_blocks = 0;   // read from files of earlier requests
  int64_t spilled_blocks = 0;  // written to files
  int64_t disk_bytes = 0;      // of all files
};

// Outputs of the vision tower kept for later requests with the same media.
struct EncoderCacheUse {
  int64_t queries = 0;  // media that were needed
  int64_t hits = 0;     // of these, found
  int64_t bytes = 0;
  int64_t max_bytes = 0;
};

struct EngineMetrics {
  int64_t num_waiting = 0;
  int64_t num_running = 0;
  int64_t num_finished = 0;   // with any reason
  int64_t num_failed = 0;     // of these with kError
  int64_t prompt_tokens = 0;  // fed to the model
  int64_t generated_tokens = 0;
  int64_t cached_tokens = 0;  // of prompts, found in the cache instead
  int64_t num_preempted = 0;  // times a request was put back because the cache was full
  int64_t encoded_patches = 0;
  double encoder_seconds = 0;   // that encoding took
  int64_t drafted_tokens = 0;   // by speculation (EngineOptions::draft_tokens)
  int64_t accepted_tokens = 0;  // of these
  CacheUse cache;
  bool alive = true;  // false: the engine thread has ended, no request will be answered
  int64_t num_steps = 0;
  double step_seconds = 0;  // since the running step began, or gave a sign of life; 0: none runs
  EncoderCacheUse encoder_cache;
};

}  // namespace glmv::runtime
