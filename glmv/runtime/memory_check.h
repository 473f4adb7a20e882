#pragma once
// What an engine may take of the memory: weights + work + encoded and decoded media + keys and
// values stay below what the system and the control group leave. Decided once, before anything
// grows.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "glmv/checkpoint/hf_config.h"

namespace glmv::runtime {

struct MemoryNeed {
  int64_t weights_bytes = 0;
  int64_t cache_bytes = 0;  // keys and values of `cache_tokens` tokens
  int64_t work_bytes = 0;   // activations (of a picture of about a megapixel) and buffers
  int64_t encoder_cache_bytes = 0;
  int64_t media_cache_bytes = 0;
  int64_t cache_tokens = 0;

  int64_t total_bytes() const {
    return weights_bytes + cache_bytes + work_bytes + encoder_cache_bytes + media_cache_bytes;
  }
};

// For weights and caches of `element_bytes` each (2: 16 bit, 4: fp32). `linear_bits`: 4 or 8 where
// the Linears of the decoder are quantised, else 0. `int8_cache`: keys and values of one byte, rows
// with a scale each.
MemoryNeed memory_need(const checkpoint::ModelConfig& config, int64_t element_bytes,
                       int64_t cache_tokens, int linear_bits = 0, bool int8_cache = false);

// Activations of the vision tower for one medium of so many patches.
int64_t vision_work_bytes(const checkpoint::ModelConfig& config, int64_t element_bytes,
                          int64_t num_patches);

// The limit of a further cache, of encoded media or decoded ones: `wanted_bytes`, or an eighth of
// what all of `need` leaves where that is less.
int64_t side_cache_bytes(const MemoryNeed& need, std::optional<int64_t> available_bytes,
                         int64_t wanted_bytes);

// resource_exhausted with the numbers when a medium of `work_bytes` (vision_work_bytes) cannot be
// encoded with `available_bytes`.
Result<void> check_medium(size_t index, int64_t num_patches, int64_t work_bytes,
                          int64_t available_bytes);

// The limit of the cache where none is asked for, in tokens: half of what `available_bytes` leaves
// beside weights, work and media, or up to nine tenths where that is needed for one request
// of `max_context_tokens`; no more than `max_running` of those need, no less than a short request.
// `need` is memory_need() of one token.
int64_t default_cache_tokens(const MemoryNeed& need, std::optional<int64_t> available_bytes,
                             int64_t max_context_tokens, int64_t max_running);

// What this process may still take: MemAvailable of /proc/meminfo, or less where a control group
// (v1 or v2) limits it. None when the system does not say. `root` replaces "/" in tests.
std::optional<int64_t> available_memory_bytes(const std::filesystem::path& root = "/");

// resource_exhausted with all the numbers when `need` exceeds `available_bytes`.
Result<void> check_memory(const MemoryNeed& need, int64_t available_bytes,
                          const std::string& model_name);

}  // namespace glmv::runtime
