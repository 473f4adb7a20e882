#include "glmv/tensor/instruction_peaks.h"

#include <ATen/Parallel.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "glmv/kernels/tile_config.h"

namespace glmv::tensor {
#if defined(__x86_64__)
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRuns = 5;
constexpr int64_t kTurns = 2'000'000;

// `loop(turns)` does `operations` a turn.
template <class Loop>
double peak(double operations, int64_t turns, const Loop& loop) {
  const int threads = at::get_num_threads();
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) loop(turns);
    });
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    best = std::max(best, operations * double(turns) * threads / elapsed.count() / 1e9);
  }
  return best;
}

// Twelve independent sums in named registers, which no compiler moves: OP(i) uses register i.
#define GLMV_TWELVE(OP) OP(0) OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7) OP(8) OP(9) OP(10) OP(11)
#define GLMV_LOOP(OP)                                                                             \
  [](int64_t n) {                                                                                 \
    asm volatile("1:\n\t" GLMV_TWELVE(OP) "dec %0\n\tjnz 1b"                                      \
                 : "+r"(n)::"cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
                   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");         \
  }
#define GLMV_FMA256(i) "vfmadd231ps %%ymm15, %%ymm14, %%ymm" #i "\n\t"
#define GLMV_FMA512(i) "vfmadd231ps %%zmm15, %%zmm14, %%zmm" #i "\n\t"
#define GLMV_PAIRS(i) "vdpbf16ps %%zmm15, %%zmm14, %%zmm" #i "\n\t"
#define GLMV_VNNI(i) "vpdpbusd %%zmm15, %%zmm14, %%zmm" #i "\n\t"
#define GLMV_BYTES256(i) \
  "vpmaddubsw %%ymm15, %%ymm14, %%ymm13\n\tvpaddw %%ymm13, %%ymm" #i ", %%ymm" #i "\n\t"
#define GLMV_BYTES512(i) \
  "vpmaddubsw %%zmm15, %%zmm14, %%zmm13\n\tvpaddw %%zmm13, %%zmm" #i ", %%zmm" #i "\n\t"

template <bool kBytes>
__attribute__((target("amx-tile,amx-int8,amx-bf16"))) void tile_loop(int64_t turns) {
  _tile_loadconfig(&kernels::kTiles);
  for (int64_t i = 0; i < turns; ++i) {
    if constexpr (kBytes) {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(1, 4, 7);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    } else {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_release();
}

}  // namespace

InstructionPeaks measure_peaks(std::string_view isa) {
  InstructionPeaks peaks;
  if (isa == "avx2") {
    peaks.fp32 = peaks.bf16 = peak(12 * 16, kTurns, GLMV_LOOP(GLMV_FMA256));
    peaks.int8 = peak(12 * 64, kTurns, GLMV_LOOP(GLMV_BYTES256));
  } else if (isa != "scalar") {
    peaks.fp32 = peaks.bf16 = peak(12 * 32, kTurns, GLMV_LOOP(GLMV_FMA512));
    peaks.int8 = peak(12 * 128, kTurns, GLMV_LOOP(GLMV_BYTES512));
  }
  if (isa == "avx512_bf16") {
    peaks.bf16 = std::max(peaks.bf16, peak(12 * 64, kTurns / 4, GLMV_LOOP(GLMV_PAIRS)));
    peaks.int8 = peak(12 * 128, kTurns, GLMV_LOOP(GLMV_VNNI));
  } else if (isa == "amx") {
    constexpr int64_t kTileTurns = kTurns / 16;
    peaks.bf16 = peak(4 * 16384, kTileTurns, tile_loop<false>);
    peaks.int8 = peak(4 * 32768, kTileTurns, tile_loop<true>);
  }
  return peaks;
}
#else
InstructionPeaks measure_peaks(std::string_view) { return {}; }
#endif

}  // namespace glmv::tensor
