#pragma once
// The vector type of packed-inl.h on CPUs with VNNI and bf16 conversion.

#include <immintrin.h>

#include <array>
#include <bit>

#include "glmv/kernels/impl/avx512x16-inl.h"

namespace glmv::kernels {
namespace {

struct VnniDot : Avx512x16 {
  static Int dot(Int acc, Int w, Int x) { return _mm512_dpbusd_epi32(acc, w, x); }
  static Int dot_small(Int acc, Int w, Int x) { return dot(acc, w, x); }
  static Int pairs(Float a, Float b) {
    // The lower halves come from the second operand, in order: words of a and b must alternate.
    const __m512i halves = std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));  // a0..a15 b0..b15
    return _mm512_permutexvar_epi16(alternating(), halves);
  }
  static Int alternating() {
    alignas(64) static constexpr auto kOrder = [] {
      std::array<uint16_t, 32> order{};
      for (int i = 0; i < 16; ++i) {
        order[2 * i] = static_cast<uint16_t>(i);
        order[2 * i + 1] = static_cast<uint16_t>(16 + i);
      }
      return order;
    }();
    return _mm512_load_si512(kOrder.data());
  }
};

}  // namespace
}  // namespace glmv::kernels
