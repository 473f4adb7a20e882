#pragma once
// Activations to the left operands of int8 tile products in one pass, AVX-512.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

// 16 values of a row; `largest` of 64 of them, as fp32 magnitudes.
struct HalfValues {
  const uint16_t* x;
  __m512 load(int64_t k) const {
    const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + k));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
  }
  float largest(int64_t begin, int64_t end) const {
    // Magnitudes have the order of their bits.
    __m512i most = _mm512_setzero_si512();
    for (int64_t k = begin; k < end; k += 32) {
      const __m512i bits = _mm512_loadu_si512(x + k);
      most = _mm512_max_epu16(most, _mm512_and_si512(bits, _mm512_set1_epi16(0x7fff)));
    }
    const __m512i odd = _mm512_srli_epi32(most, 16);
    const __m512i even = _mm512_and_si512(most, _mm512_set1_epi32(0xffff));
    const uint32_t bits = _mm512_reduce_max_epu32(_mm512_max_epu32(odd, even)) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

struct FloatValues {
  const float* x;
  __m512 load(int64_t k) const { return _mm512_loadu_ps(x + k); }
  float largest(int64_t begin, int64_t end) const {
    __m512 most = _mm512_setzero_ps();
    for (int64_t k = begin; k < end; k += 16) most = _mm512_max_ps(most, _mm512_abs_ps(load(k)));
    return _mm512_reduce_max_ps(most);
  }
};

// Row r; its lines of 64 bytes begin at `to` and lie a tile apart. As quantize_row of packed-inl.h.
template <class Values>
void quantize_tile_row(const PackedShape& shape, const Values& x, int64_t r, int64_t padded_rows,
                       int8_t* to, float* scales, int32_t* sums) {
  for (int64_t g = 0; g < shape.num_groups(); ++g) {
    const int64_t begin = g * shape.group, end = begin + shape.group;
    const float largest = x.largest(begin, end);
    const __m512 inverse = _mm512_set1_ps(largest > 0 ? 127.0f / largest : 0.0f);
    __m512i sum = _mm512_setzero_si512();
    for (int64_t k = begin; k < end; k += 64, to += 1024) {
      for (int j = 0; j < 4; ++j) {
        const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(x.load(k + 16 * j), inverse));
        sum = _mm512_add_epi32(sum, q);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16 * j), _mm512_cvtsepi32_epi8(q));
      }
    }
    scales[g * padded_rows + r] = largest / 127.0f;
    sums[g * padded_rows + r] = _mm512_reduce_add_epi32(sum);
  }
}

void quantize_tiles(const PackedShape& shape, const void* x, bool is_bf16, int64_t num_rows,
                    int64_t tile_begin, int64_t tile_end, int8_t* q, float* scales, int32_t* sums) {
  const int64_t padded_rows = (num_rows + 15) / 16 * 16;
  for (int64_t r = 16 * tile_begin; r < 16 * tile_end; ++r) {
    int8_t* to = q + r / 16 * 16 * shape.in + r % 16 * 64;
    if (r >= num_rows) {
      for (int64_t k = 0; k < shape.in; k += 64, to += 1024) std::memset(to, 0, 64);
      for (int64_t g = 0; g < shape.num_groups(); ++g) {
        scales[g * padded_rows + r] = 0;
        sums[g * padded_rows + r] = 0;
      }
    } else if (is_bf16) {
      quantize_tile_row(shape, HalfValues{static_cast<const uint16_t*>(x) + r * shape.in}, r,
                        padded_rows, to, scales, sums);
    } else {
      quantize_tile_row(shape, FloatValues{static_cast<const float*>(x) + r * shape.in}, r,
                        padded_rows, to, scales, sums);
    }
  }
}

}  // namespace
}  // namespace glmv::kernels
