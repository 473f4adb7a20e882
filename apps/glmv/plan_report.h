#pragma once
// What a model needs and how fast it can be, from its config alone.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/glmv/bench_runs.h"
#include "glmv/base/json.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/tensor/machine_limits.h"

namespace glmv::app {

struct PlanQuestion {
  checkpoint::ModelConfig config;
  int stored_bits = 0;         // of the Linears on disk, where the checkpoint is quantised
  int64_t context_tokens = 0;  // of a request
  int64_t num_requests = 1;    // of that length at once
  std::optional<BenchPicture> largest_picture;
  std::optional<int64_t> memory_bytes;  // that may be used; none: not known
  std::optional<tensor::MachineLimits> machine;
};

// One way to load the model.
struct PlanRow {
  std::string name;   // "bfloat16", "int4, int8 cache"
  std::string flags;  // of glmv serve, or what else is needed; empty: nothing
  int64_t weights_bytes = 0;
  int64_t cache_token_bytes = 0;  // of a token's keys and values
  int64_t cache_bytes = 0;
  int64_t work_bytes = 0;  // buffers, and the largest picture on its way through the tower
  int64_t total_bytes() const { return weights_bytes + cache_bytes + work_bytes; }
  bool fits = true;        // where the memory is known
  int64_t max_tokens = 0;  // of all requests together that the memory holds; 0: not known, or none
  double prefill_tokens_s = 0, decode_tokens_s = 0;  // at most; 0: not measured
};

// float32, bfloat16, fp8, int8 and int4 weights, each with both kinds of cache; for a quantised
// checkpoint as it is stored.
std::vector<PlanRow> plan_rows(const PlanQuestion& question);

// What would make it fit, or that it does; one sentence each.
std::vector<std::string> plan_advice(const PlanQuestion& question,
                                     const std::vector<PlanRow>& rows);

Json plan_json(const PlanQuestion& question, const std::vector<PlanRow>& rows);
void print_plan(const PlanQuestion& question, const std::vector<PlanRow>& rows);

}  // namespace glmv::app
