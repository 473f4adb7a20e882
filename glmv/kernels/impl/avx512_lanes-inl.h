#pragma once
// 16 floats in one AVX-512 register, for attend-inl.h and flash-inl.h.

#include <immintrin.h>

#include <cstdint>

#include "glmv/kernels/impl/exp2-inl.h"
#include "glmv/kernels/impl/words512-inl.h"

namespace glmv::kernels {
namespace {

struct Avx512Lanes {
  static constexpr int kLanes = 16;
  using Float = __m512;
  static Float zero() { return _mm512_setzero_ps(); }
  static Float set(float x) { return _mm512_set1_ps(x); }
  static Float load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Float v) { _mm512_storeu_ps(p, v); }
  static Float widen(const float* p) { return load(p); }
  static Float widen(const uint16_t* p) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  static Float widen(const int8_t* p) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static Float mul_add(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float sub(Float a, Float b) { return _mm512_sub_ps(a, b); }
  // NaN when a is.
  static Float max(Float a, Float b) { return _mm512_max_ps(b, a); }
  static Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float nearest(Float x) { return _mm512_roundscale_ps(x, 0); }
  static Float times_power(Float p, Float n) {
    const __mmask16 normal = _mm512_cmp_ps_mask(n, set(-126.0f), _CMP_NLT_UQ);
    return _mm512_maskz_scalef_ps(normal, p, n);
  }
  static Float exp2(Float x) { return exp2_of<Avx512Lanes>(x); }
  static Float exp(Float x) { return exp2(mul(x, set(kLog2E))); }
  static float largest(Float v) { return _mm512_reduce_max_ps(v); }
  static float sum(Float v) { return _mm512_reduce_add_ps(v); }
  // The first n elements, 0 < n <= kLanes, and zeros.
  static Float widen(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static Float widen(const uint16_t* p, int64_t n) {
    const __m256i half = _mm256_maskz_loadu_epi16(first(n), p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  static void store(float* p, Float v, int64_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
  // bf16, rounded to nearest even.
  static void store(uint16_t* p, Float v, int64_t n) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i kept = _mm512_mask_blend_epi32(nan, up, _mm512_set1_epi32(0x7fc00000));
    _mm512_mask_cvtepi32_storeu_epi16(p, first(n), _mm512_srli_epi32(kept, 16));
  }
  static __mmask16 first(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static void transpose(const Float* in, Float* out) {
    __m512i rows[16], columns[16];
    for (int i = 0; i < 16; ++i) rows[i] = _mm512_castps_si512(in[i]);
    kernels::transpose(rows, columns);
    for (int i = 0; i < 16; ++i) out[i] = _mm512_castsi512_ps(columns[i]);
  }
  static Float sums(const Float* acc) {
    Float quarter[4];  // of four accumulators each: their sums within every 128 bits
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Float* a = acc + 4 * i;
      const Float ab = add(_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1]));
      const Float cd = add(_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3]));
      quarter[i] =
          add(_mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))),
              _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))));
    }
    const auto halves = [](Float a, Float b) {
      return add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    };
    return halves(halves(quarter[0], quarter[1]), halves(quarter[2], quarter[3]));
  }
};

}  // namespace
}  // namespace glmv::kernels
