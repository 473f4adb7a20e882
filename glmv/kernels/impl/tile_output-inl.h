#pragma once
// How products by tiles leave: bias added, as fp32 or bf16. AVX-512 with bf16.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

// Writes rows [first, first + n) of a block of 32 outputs: value(r, half) is 16 of them, r from 0.
template <class Value>
void put_rows(const PackedShape& shape, int64_t block, int64_t first, int64_t n,
              const TileOutput& out, const Value& value) {
  const int64_t column = block * kPackRows;
  const int64_t width = std::min<int64_t>(kPackRows, shape.out - column);
  const auto mask = static_cast<__mmask32>(width == 32 ? ~0u : (1u << width) - 1);
  const auto low = static_cast<__mmask16>(mask), high = static_cast<__mmask16>(mask >> 16);
  __m512 bias[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  if (out.bias != nullptr) {
    bias[0] = _mm512_maskz_loadu_ps(low, out.bias + column);
    bias[1] = _mm512_maskz_loadu_ps(high, out.bias + column + 16);
  }
  const int64_t at = first * out.ldy + column;
  for (int64_t r = 0; r < n; ++r) {
    const __m512 a = _mm512_add_ps(value(r, 0), bias[0]);
    const __m512 b = _mm512_add_ps(value(r, 1), bias[1]);
    if (out.is_bf16) {
      _mm512_mask_storeu_epi16(static_cast<uint16_t*>(out.y) + at + r * out.ldy, mask,
                               std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a)));
    } else {
      float* y = static_cast<float*>(out.y) + at + r * out.ldy;
      _mm512_mask_storeu_ps(y, low, a);
      _mm512_mask_storeu_ps(y + 16, high, b);
    }
  }
}

}  // namespace
}  // namespace glmv::kernels
