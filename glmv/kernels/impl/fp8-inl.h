#pragma once
// Products of float8 weights (fp8_matrix.h) over the vector type V of packed-inl.h, here 16
// neighbouring inputs of a row:
//   V::fp8(p)          16 codes as fp32, each value / kFp8Unit
//   V::store_bf16(p, v)  16 bf16, rounded to nearest even
//   V::sum(v)          of the 16 lanes
// A code shifted into place is the fp16 number of the same value / 256 (exponent bias 15, not 7),
// also where it has no implied bit: the conversion from fp16 is what decodes, and the scale takes
// the 256. Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "glmv/kernels/fp8_matrix.h"

namespace glmv::kernels {
namespace {

constexpr int64_t kFp8Step = 16;
constexpr float kFp8Unit = 256.0f;

// kRows rows of w from `codes`, kBatch rows of x.
template <class V, int kRows, int kBatch>
void fp8_dot_rows(const Fp8Matrix& w, int64_t row, const float* x, float* y, int64_t ldy) {
  using Float = typename V::Float;
  const uint8_t* codes = w.codes + row * w.in;
  const float* scales = w.scales + row * w.num_blocks();
  Float total[kRows][kBatch];
  for (auto& sums : total) std::fill(sums, sums + kBatch, V::zero_float());
  for (int64_t block = 0; block < w.num_blocks(); ++block) {
    Float acc[kRows][kBatch];
    for (auto& sums : acc) std::fill(sums, sums + kBatch, V::zero_float());
    int64_t i = block * w.block;
    const int64_t end = std::min(i + w.block, w.in);
    for (; i + kFp8Step <= end; i += kFp8Step) {
      for (int r = 0; r < kRows; ++r) {
        // Into the second-level cache, as in gemv_bf16-inl.h.
        __builtin_prefetch(codes + (r + kRows) * w.in + i, 0, 2);
        const Float value = V::fp8(codes + r * w.in + i);
        for (int b = 0; b < kBatch; ++b) {
          acc[r][b] = V::mul_add(value, V::load_floats(x + b * w.in + i), acc[r][b]);
        }
      }
    }
    if (i < end) {
      // The rest, with zeros behind it.
      uint8_t last_codes[kFp8Step] = {};
      float last_x[kFp8Step] = {};
      for (int b = 0; b < kBatch; ++b) {
        std::memcpy(last_x, x + b * w.in + i, (end - i) * sizeof(float));
        for (int r = 0; r < kRows; ++r) {
          std::memcpy(last_codes, codes + r * w.in + i, end - i);
          acc[r][b] = V::mul_add(V::fp8(last_codes), V::load_floats(last_x), acc[r][b]);
        }
      }
    }
    for (int r = 0; r < kRows; ++r) {
      const Float scale = V::set(scales[r * w.num_blocks() + block]);
      for (int b = 0; b < kBatch; ++b) total[r][b] = V::mul_add(acc[r][b], scale, total[r][b]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int b = 0; b < kBatch; ++b) y[b * ldy + r] = V::sum(total[r][b]) * kFp8Unit;
  }
}

template <class V, int kBatch>
void fp8_rows(const Fp8Matrix& w, int64_t begin, int64_t end, const float* x, float* y,
              int64_t ldy) {
  // As many sums at once as there are registers for.
  constexpr int kRows = kBatch == 1 ? 4 : 2;
  int64_t row = begin;
  for (; row + kRows <= end; row += kRows) {
    fp8_dot_rows<V, kRows, kBatch>(w, row, x, y + (row - begin), ldy);
  }
  for (; row < end; ++row) fp8_dot_rows<V, 1, kBatch>(w, row, x, y + (row - begin), ldy);
}

template <class V>
void fp8_product(const Fp8Matrix& w, int64_t begin, int64_t end, const float* x, int64_t num_rows,
                 float* y, int64_t ldy) {
  // Few rows of w at a time: they stay in the first-level cache for all rows of x.
  constexpr int64_t kRowsAtOnce = 4;
  for (; begin < end; begin += kRowsAtOnce, y += kRowsAtOnce) {
    const int64_t stop = std::min(begin + kRowsAtOnce, end);
    int64_t b = 0;
    for (; b + 4 <= num_rows; b += 4) {
      fp8_rows<V, 4>(w, begin, stop, x + b * w.in, y + b * ldy, ldy);
    }
    for (; b < num_rows; ++b) fp8_rows<V, 1>(w, begin, stop, x + b * w.in, y + b * ldy, ldy);
  }
}

template <class V>
void fp8_to_bf16(const uint8_t* codes, int64_t n, float scale, uint16_t* out) {
  const typename V::Float unit = V::set(kFp8Unit);
  const typename V::Float factor = V::set(scale);
  int64_t i = 0;
  for (; i + kFp8Step <= n; i += kFp8Step) {
    V::store_bf16(out + i, V::mul(V::mul(V::fp8(codes + i), unit), factor));
  }
  if (i < n) {
    uint8_t last[kFp8Step] = {};
    uint16_t buffer[kFp8Step];
    std::memcpy(last, codes + i, n - i);
    V::store_bf16(buffer, V::mul(V::mul(V::fp8(last), unit), factor));
    std::memcpy(out + i, buffer, (n - i) * sizeof(uint16_t));
  }
}

}  // namespace
}  // namespace glmv::kernels
