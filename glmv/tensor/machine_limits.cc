#include "glmv/tensor/machine_limits.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "glmv/base/check.h"
#include "glmv/base/mmap.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/device.h"
#include "glmv/tensor/instruction_peaks.h"

namespace glmv::tensor {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kReadPasses = 5;
constexpr int64_t kDeviceProductSize = 8192;
constexpr int64_t kDeviceBufferBytes = int64_t{8} << 30;
constexpr int kMaxProducts = 8;

// How large the measured work is on a CPU.
struct Effort {
  size_t buffer_bytes;
  int read_passes;
  int64_t product_size;
  double max_product_seconds;
};
constexpr Effort kFull{size_t{512} << 20, kReadPasses, 2048, 1.0};
constexpr Effort kQuick{size_t{256} << 20, 2, 1024, 0.1};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Runs `work(thread, begin, end)` on even shares of `num_words`.
template <class Work>
void on_shares(size_t num_words, int num_threads, const Work& work) {
  std::vector<std::thread> threads;
  for (int t = 0; t < num_threads; ++t) {
    const size_t begin = num_words * t / num_threads;
    const size_t end = num_words * (t + 1) / num_threads;
    threads.emplace_back([&work, t, begin, end] { work(t, begin, end); });
  }
  for (std::thread& thread : threads) thread.join();
}

// In the widest vectors there are, and asking for lines ahead of their use: with narrow ones, or
// left to itself, a core does not ask for them fast enough.
[[gnu::target_clones("avx512f", "avx2", "default")]]
uint64_t sum_words(const uint64_t* words, size_t num_words) {
  constexpr size_t kLine = 8, kAhead = 512;
  uint64_t lanes[2 * kLine] = {};
  size_t i = 0;
  for (; i + 2 * kLine <= num_words; i += 2 * kLine) {
    __builtin_prefetch(words + i + kAhead);
    __builtin_prefetch(words + i + kAhead + kLine);
    for (size_t j = 0; j < 2 * kLine; ++j) lanes[j] += words[i + j];
  }
  uint64_t sum = 0;
  for (; i < num_words; ++i) sum += words[i];
  for (const uint64_t lane : lanes) sum += lane;
  return sum;
}

double measure_reads(int num_threads, const Effort& effort) {
  const size_t num_words = effort.buffer_bytes / sizeof(uint64_t);
  const auto buffer = std::make_unique_for_overwrite<uint64_t[]>(num_words);
  advise_huge_pages(buffer.get(), effort.buffer_bytes);
  // Each thread touches its share first, so that it lies in memory near it.
  on_shares(num_words, num_threads, [&buffer](int, size_t begin, size_t end) {
    std::fill(&buffer[begin], &buffer[0] + end, 1);
  });
  double best = 0;
  std::vector<uint64_t> sums(num_threads);
  for (int pass = 0; pass < effort.read_passes; ++pass) {
    const auto start = Clock::now();
    on_shares(num_words, num_threads, [&](int thread, size_t begin, size_t end) {
      sums[thread] = sum_words(&buffer[begin], end - begin);
    });
    best = std::max(best, double(effort.buffer_bytes) / seconds_since(start) / 1e9);
  }
  uint64_t total = 0;  // used, so that no read can be left out
  for (const uint64_t sum : sums) total += sum;
  GLMV_CHECK(total == num_words);
  return best;
}

// Reading one number back waits for all work of the device.
void wait_for(const at::Tensor& result) { result.view(-1)[0].item(); }

// A sum reads all and writes nothing.
double measure_device_reads(at::Device device) {
  const c10::InferenceMode inference;
  const at::Tensor buffer =
      at::ones({kDeviceBufferBytes / 4}, at::TensorOptions().dtype(at::kFloat).device(device));
  double best = 0;
  for (int pass = 0; pass < kReadPasses; ++pass) {
    const auto start = Clock::now();
    wait_for(buffer.sum());
    best = std::max(best, double(kDeviceBufferBytes) / seconds_since(start) / 1e9);
  }
  return best;
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == at::kChar ? at::_int_mm(a, b) : at::mm(a, b);
}

double measure_products(at::ScalarType dtype, at::Device device, const Effort& effort) {
  const c10::InferenceMode inference;
  const auto options = at::TensorOptions().device(device);
  const int64_t size = device.is_cpu() ? effort.product_size : kDeviceProductSize;
  const at::Tensor a = at::rand({size, size}, options).mul_(100).to(dtype);
  const at::Tensor b = at::rand({size, size}, options).mul_(100).to(dtype).t();  // as a weight
  const double gflop = 2.0 * double(size) * double(size) * double(size) / 1e9;
  double best = 0, spent = 0;
  wait_for(product(a, b));  // chooses and compiles the kernel
  for (int i = 0; i < kMaxProducts && spent < effort.max_product_seconds; ++i) {
    const auto start = Clock::now();
    wait_for(product(a, b));
    const double seconds = seconds_since(start);
    spent += seconds;
    best = std::max(best, gflop / seconds);
  }
  return best;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

Result<MachineLimits> measure_machine(int num_threads, const std::string& device_name,
                                      MeasureEffort chosen) {
  const Effort& effort = chosen == MeasureEffort::kQuick ? kQuick : kFull;
  GLMV_ASSIGN(const at::Device device, parse_device(device_name));
  if (num_threads > 0) at::set_num_threads(num_threads);
  MachineLimits limits{
      .device = device.str(), .cpu = cpu_name(), .num_threads = at::get_num_threads()};
  limits.read_gb_s =
      device.is_cpu() ? measure_reads(limits.num_threads, effort) : measure_device_reads(device);
  limits.fp32_gflops = measure_products(at::kFloat, device, effort);
  limits.bf16_gflops = measure_products(at::kBFloat16, device, effort);
  if (device.is_cpu()) {
    // Without an instruction for it the library is far below what widened numbers get.
    limits.bf16_gflops = std::max(limits.bf16_gflops, limits.fp32_gflops);
    const InstructionPeaks peaks = measure_peaks(kernels::kernels().isa);
    limits.bf16_peak_gflops = peaks.bf16;
    limits.int8_peak_gops = peaks.int8;
    limits.int8_gops = std::max(measure_products(at::kChar, device, effort), peaks.int8);
  }
  return limits;
}

}  // namespace glmv::tensor
