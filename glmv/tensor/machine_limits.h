#pragma once
// What this machine can do at most, measured: the roof over a model's speed.

#include <string>

#include "glmv/base/result.h"

namespace glmv::tensor {

struct MachineLimits {
  std::string device;  // that was measured: "cpu", "cuda:0"
  std::string cpu;     // name, or "unknown"
  int num_threads = 0;
  double read_gb_s = 0;         // sequential reads from the device's memory, all threads together
  double fp32_gflops = 0;       // matrix products of 2048 x 2048 (CPU), 8192 x 8192 (others)
  double bf16_gflops = 0;       // the same, on a CPU fp32's if that is more
  double int8_gops = 0;         // the same, or what follows if that is more; CPU only, 0 elsewhere
  double bf16_peak_gflops = 0;  // of the instructions on registers alone (instruction_peaks.h)
  double int8_peak_gops = 0;
};

// Takes a few seconds and half a gigabyte (8 GB on a GPU). num_threads 0: as many as the tensor
// library uses. kQuick: in about a second on a CPU and less exactly.
enum class MeasureEffort { kFull, kQuick };
Result<MachineLimits> measure_machine(int num_threads, const std::string& device,
                                      MeasureEffort effort = MeasureEffort::kFull);

}  // namespace glmv::tensor
