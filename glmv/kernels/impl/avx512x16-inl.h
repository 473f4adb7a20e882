#pragma once
// 16 rows in one AVX-512 register, for packed-inl.h and fp8-inl.h. The integer dot product is the
// derived type's.

#include <immintrin.h>

#include <cstdint>

#include "glmv/kernels/impl/fp8_halves-inl.h"

namespace glmv::kernels {
namespace {

struct Avx512x16 {
  using Int = __m512i;
  using Float = __m512;
  static Int zero_int() { return _mm512_setzero_si512(); }
  static Float zero_float() { return _mm512_setzero_ps(); }
  static Int set(int32_t x) { return _mm512_set1_epi32(x); }
  static Float set(float x) { return _mm512_set1_ps(x); }
  static Int load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static Int load_bytes(const uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Float load_floats(const void* p) { return _mm512_loadu_ps(p); }
  static Int low(Int w) { return _mm512_and_si512(w, _mm512_set1_epi8(15)); }
  static Int high(Int w) { return low(_mm512_srli_epi16(w, 4)); }
  // (v >> shift) & (2^kBits - 1): 4 bits choose among 16 floats, in one step.
  template <int kBits>
  static Float field(Int w, int shift) {
    const __m512i shifted = _mm512_srli_epi32(w, shift);
    if constexpr (kBits == 4) {
      const __m512 values = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
      return _mm512_permutexvar_ps(shifted, values);
    }
    return _mm512_cvtepi32_ps(_mm512_and_si512(shifted, _mm512_set1_epi32((1 << kBits) - 1)));
  }
  static Float to_float(Int v) { return _mm512_cvtepi32_ps(v); }
  static Int sub(Int u, Int v) { return _mm512_sub_epi32(u, v); }
  static Int mul_int(Int u, Int v) { return _mm512_mullo_epi32(u, v); }
  // The products of the lower halves, signed, where the upper ones are 0.
  static Int mul_words(Int u, Int v) { return _mm512_madd_epi16(u, v); }
  static Float sub(Float u, Float v) { return _mm512_sub_ps(u, v); }
  static Float mul(Float u, Float v) { return _mm512_mul_ps(u, v); }
  static Float mul_add(Float u, Float v, Float c) { return _mm512_fmadd_ps(u, v, c); }
  static Float add(Float u, Float v) { return _mm512_add_ps(u, v); }
  // bf16 in the upper halves of the lanes, rounded to nearest even.
  static __m512i rounded(__m512 v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  }
  static Int pairs(Float a, Float b) {
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(rounded(a), 16), rounded(b));
  }
  static Int flip(Int w) { return _mm512_xor_si512(w, _mm512_set1_epi8(-128)); }
  static void store_words(uint16_t* p, Int w) { _mm512_storeu_si512(p, w); }
  static void store(float* p, Float v, int n) {
    if (n <= 0) return;
    _mm512_mask_storeu_ps(p, n >= 16 ? 0xffff : (1u << n) - 1, v);
  }
  static Float fp8(const uint8_t* p) { return _mm512_cvtph_ps(fp8_halves(p)); }
  static void store_bf16(uint16_t* p, Float v) {
    const __m256i words = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded(v), 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), words);
  }
  static float sum(Float v) { return _mm512_reduce_add_ps(v); }
};

}  // namespace
}  // namespace glmv::kernels
