#pragma once
// Pairs of bf16 as operands of panel-inl.h: vdpbf16ps.

#include <immintrin.h>

#include <bit>
#include <cstdint>

#include "glmv/kernels/impl/avx512_lanes-inl.h"

namespace glmv::kernels {
namespace {

struct PairOperands {
  using Lanes = Avx512Lanes;
  static constexpr int kRows = 12;
  static constexpr int kVectors = 2;
  static constexpr int kElements = 2;
  static __m512 mul_add(__m512 a, __m512 b, __m512 c) {
    // Not by the intrinsic: GCC 12 then copies sums around it.
    asm("vdpbf16ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
  }
  static __m512 words(const uint16_t* row, int64_t n) {
    const auto mask = static_cast<__mmask32>(n >= 32 ? ~0u : (1u << n) - 1);
    return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(mask, row));
  }
  static __m512 pair(const uint16_t* row, const uint16_t* other, int64_t n) {
    const auto wide = [n](const uint16_t* p) {
      if (p == nullptr) return _mm512_setzero_si512();
      return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(Lanes::first(n), p));
    };
    return _mm512_castsi512_ps(_mm512_or_si512(wide(row), _mm512_slli_epi32(wide(other), 16)));
  }
  static void put(float* row, int64_t k, __m512 v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(reinterpret_cast<std::byte*>(row) + 2 * k),
                        std::bit_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
};

}  // namespace
}  // namespace glmv::kernels
