#pragma once
// The result of `glmv bench` as JSON and as a table.

#include <optional>
#include <string>

#include "apps/glmv/bench_runs.h"
#include "glmv/base/json.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/tensor/machine_limits.h"

namespace glmv::app {

struct Measured {
  std::string dir;
  std::string load_format;
  std::string dtype;
  std::string quantize;         // as asked for: none, int8, int4
  std::string quantize_vision;  // none, int8
  std::string activations;      // that meet quantised weights
  int64_t num_parameters = 0;
  double load_ms = 0;
  int64_t weight_bytes = 0;
  int64_t token_bytes = 0;  // of weights, read per decoded token
  int64_t rss_after_load = 0;
  int64_t peak_rss = 0;
  std::optional<BenchPicture> picture;
  BenchTimes times;
  tensor::MachineLimits machine;
};

// One object for each length of the prompt; the picture is part of the first.
std::vector<Json> bench_records(const Measured& measured, const checkpoint::ModelConfig& config);

// `records` as from bench_records.
void print_bench_table(const std::vector<Json>& records);

}  // namespace glmv::app
