#pragma once
// What this machine can do at most, measured: the roof over a model's speed.

#include <string>

namespace glmv::app {

struct MachineLimits {
  std::string cpu;  // name, or "unknown"
  int num_threads = 0;
  double read_gb_s = 0;     // sequential reads from memory, all threads together
  double fp32_gflops = 0;   // matrix products of 2048 x 2048
  double bf16_gflops = 0;
};

// Takes a few seconds and half a gigabyte. num_threads 0: as many as the tensor library uses.
MachineLimits measure_machine(int num_threads);

}  // namespace glmv::app
