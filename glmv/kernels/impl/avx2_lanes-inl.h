#pragma once
// 8 floats in one AVX register, for attend-inl.h and flash-inl.h.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <cstdint>

#include "glmv/kernels/impl/exp2-inl.h"

namespace glmv::kernels {
namespace {

struct Avx2Lanes {
  static constexpr int kLanes = 8;
  using Float = __m256;
  static Float zero() { return _mm256_setzero_ps(); }
  static Float set(float x) { return _mm256_set1_ps(x); }
  static Float load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Float v) { _mm256_storeu_ps(p, v); }
  static Float widen(const float* p) { return load(p); }
  static Float widen(const uint16_t* p) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
  }
  static Float widen(const int8_t* p) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static Float mul_add(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float sub(Float a, Float b) { return _mm256_sub_ps(a, b); }
  // NaN when a is.
  static Float max(Float a, Float b) { return _mm256_max_ps(b, a); }
  static Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float nearest(Float x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Float times_power(Float p, Float n) {
    const __m256i power = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    const Float product = mul(p, _mm256_castsi256_ps(_mm256_slli_epi32(power, 23)));
    return _mm256_and_ps(product, _mm256_cmp_ps(n, set(-126.0f), _CMP_NLT_UQ));
  }
  static Float exp2(Float x) { return exp2_of<Avx2Lanes>(x); }
  static Float exp(Float x) { return exp2(mul(x, set(kLog2E))); }
  static float largest(Float v) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
  }
  static float sum(Float v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
  }
  // 8 rows of 8 bf16, `stride` apart, as columns: to[k * to_stride + r]; 0 for r >= num_rows.
  static void widen_columns(const uint16_t* from, int64_t stride, int num_rows, float* to,
                            int64_t to_stride) {
    __m256 rows[8], pairs[8], fours[8];
#pragma GCC unroll 8
    for (int r = 0; r < 8; ++r) rows[r] = r < num_rows ? widen(from + r * stride) : zero();
#pragma GCC unroll 4
    for (int r = 0; r < 8; r += 2) {
      pairs[r] = _mm256_unpacklo_ps(rows[r], rows[r + 1]);
      pairs[r + 1] = _mm256_unpackhi_ps(rows[r], rows[r + 1]);
    }
#pragma GCC unroll 2
    for (int h = 0; h < 8; h += 4) {
      fours[h] = _mm256_shuffle_ps(pairs[h], pairs[h + 2], 0x44);
      fours[h + 1] = _mm256_shuffle_ps(pairs[h], pairs[h + 2], 0xee);
      fours[h + 2] = _mm256_shuffle_ps(pairs[h + 1], pairs[h + 3], 0x44);
      fours[h + 3] = _mm256_shuffle_ps(pairs[h + 1], pairs[h + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      store(to + k * to_stride, _mm256_permute2f128_ps(fours[k], fours[k + 4], 0x20));
      store(to + (k + 4) * to_stride, _mm256_permute2f128_ps(fours[k], fours[k + 4], 0x31));
    }
  }
  // The first n elements, 0 < n <= kLanes, and zeros.
  template <class T>
  static Float widen(const T* p, int64_t n) {
    if (n == kLanes) return widen(p);
    alignas(32) T buffer[kLanes] = {};
    for (int64_t i = 0; i < n; ++i) buffer[i] = p[i];
    return widen(buffer);
  }
  static void store(float* p, Float v, int64_t n) {
    if (n == kLanes) return store(p, v);
    alignas(32) float buffer[kLanes];
    store(buffer, v);
    for (int64_t i = 0; i < n; ++i) p[i] = buffer[i];
  }
  // bf16, rounded to nearest even.
  static void store(uint16_t* p, Float v, int64_t n) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m256i kept = _mm256_blendv_epi8(up, _mm256_set1_epi32(0x7fc00000), nan);
    const __m256i high = _mm256_srli_epi32(kept, 16);
    const __m128i words =
        _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
    alignas(16) uint16_t buffer[kLanes];
    _mm_store_si128(reinterpret_cast<__m128i*>(buffer), words);
    for (int64_t i = 0; i < n; ++i) p[i] = buffer[i];
  }
  static void transpose(const Float* in, Float* out) {
    Float a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
      a[i] = _mm256_unpacklo_ps(in[i], in[i + 1]);
      a[i + 1] = _mm256_unpackhi_ps(in[i], in[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
      b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
      b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
      b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    // b[4 r + c], 128 bits l: column 4 l + c of rows 4 r to 4 r + 3.
    for (int c = 0; c < 4; ++c) {
      out[c] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x20);
      out[4 + c] = _mm256_permute2f128_ps(b[c], b[4 + c], 0x31);
    }
  }
  static Float sums(const Float* acc) {
    Float half[2];  // of four accumulators each: their sums within every 128 bits
    for (int i = 0; i < 2; ++i) {
      const Float* a = acc + 4 * i;
      half[i] = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
    }
    return add(_mm256_permute2f128_ps(half[0], half[1], 0x20),
               _mm256_permute2f128_ps(half[0], half[1], 0x31));
  }
};

}  // namespace
}  // namespace glmv::kernels
