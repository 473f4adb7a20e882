#pragma once
// 16 floats in one AVX-512 register, for attend-inl.h.

#include <immintrin.h>

#include <cstdint>

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
  static Float mul_add(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float sub(Float a, Float b) { return _mm512_sub_ps(a, b); }
  // NaN when a is.
  static Float max(Float a, Float b) { return _mm512_max_ps(b, a); }
  // 2^n * e^r with |r| <= ln(2) / 2, e^r by its series: the term behind the last is below 2^-24.
  static Float exp(Float x) {
    x = max(x, set(-88.0f));
    const Float n = _mm512_roundscale_ps(_mm512_mul_ps(x, set(1.44269504f)), 0);
    Float r = _mm512_fnmadd_ps(n, set(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, set(-2.12194440e-4f), r);
    Float y = set(1.0f / 5040);
    for (const float c : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) {
      y = mul_add(y, r, set(c));
    }
    return _mm512_scalef_ps(y, n);
  }
  static Float sums(const Float* acc) {
    Float quarter[4];  // of four accumulators each: their sums within every 128 bits
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Float* a = acc + 4 * i;
      const Float ab = add(_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1]));
      const Float cd = add(_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3]));
      quarter[i] = add(_mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab),
                                                           _mm512_castps_pd(cd))),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab),
                                                           _mm512_castps_pd(cd))));
    }
    const auto halves = [](Float a, Float b) {
      return add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    };
    return halves(halves(quarter[0], quarter[1]), halves(quarter[2], quarter[3]));
  }
};

}  // namespace
}  // namespace glmv::kernels
