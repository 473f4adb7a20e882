#include "glmv/tensor/tile_peak.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "glmv/kernels/kernel_table.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace glmv::tensor {
namespace {

constexpr int kPasses = 5;
constexpr int64_t kSteps = 500'000;                    // of four products each
constexpr double kOpsPerProduct = 2.0 * 16 * 16 * 64;  // of one instruction

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
// Not a local: GCC 12 drops stores to one that only the instruction below reads.
constexpr TileConfig kTiles;

// Four accumulators, so that none waits for its own last product.
[[gnu::target("amx-tile,amx-int8")]] void multiply() {
  _tile_loadconfig(&kTiles);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  for (int64_t i = 0; i < kSteps; ++i) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
}

}  // namespace

double measure_int8_tiles(int num_threads) {
  if (kernels::kernels().tiles == nullptr) return 0;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int t = 0; t < num_threads; ++t) threads.emplace_back(multiply);
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best =
        std::max(best, num_threads * 4.0 * double(kSteps) * kOpsPerProduct / seconds.count() / 1e9);
  }
  return best;
}

}  // namespace glmv::tensor

#else

namespace glmv::tensor {

double measure_int8_tiles(int) { return 0; }

}  // namespace glmv::tensor

#endif
