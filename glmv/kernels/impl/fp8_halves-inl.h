#pragma once
// float8 (e4m3fn) codes as fp16, AVX2, for the vector types that decode them (fp8-inl.h).
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <cstdint>

namespace glmv::kernels {
namespace {

// 16 codes as the fp16 numbers of their values / 256.
inline __m256i fp8_halves(const uint8_t* p) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  // The sign is there twice after widening; its lower copy makes room for a carry that only NaN
  // has, which sets the exponent of fp16 to all ones.
  const __m256i shifted = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
  const __m256i half = _mm256_and_si256(shifted, _mm256_set1_epi16(static_cast<short>(0xbfff)));
  const __m256i carry =
      _mm256_and_si256(_mm256_add_epi16(half, _mm256_set1_epi16(0x80)), _mm256_set1_epi16(0x4000));
  return _mm256_or_si256(half, carry);
}

}  // namespace
}  // namespace glmv::kernels
