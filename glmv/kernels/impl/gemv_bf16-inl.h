#pragma once
// gemv_bf16 over a vector type V:
//   V::kStep     bf16 elements of one load
//   V::Word      a loaded vector; V::load(p), V::load_tail(p, n) with zeros behind n elements
//   V::Acc       fp32 accumulator; V::zero(), V::mul_add(acc, w, x), V::sum(acc)
// Four rows of w at a time: four streams keep the memory busy, and each load of x serves all four.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <algorithm>
#include <cstdint>

#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

template <class V, int kRows, int kBatch>
void dot_rows(const uint16_t* w, int64_t in, const uint16_t* x, float* y, int64_t ldy) {
  typename V::Acc acc[kRows][kBatch];
  for (int r = 0; r < kRows; ++r) {
    for (int b = 0; b < kBatch; ++b) acc[r][b] = V::zero();
  }
  int64_t i = 0;
  for (; i + V::kStep <= in; i += V::kStep) {
    typename V::Word xs[kBatch];
    for (int b = 0; b < kBatch; ++b) xs[b] = V::load(x + b * in + i);
    for (int r = 0; r < kRows; ++r) {
      // What the next rows need, into the second-level cache: a core's own look-ahead stops at
      // 4 KiB pages. Behind the last row this reads nothing.
      __builtin_prefetch(w + (r + kRows) * in + i, 0, 2);
      const typename V::Word ws = V::load(w + r * in + i);
      for (int b = 0; b < kBatch; ++b) acc[r][b] = V::mul_add(acc[r][b], ws, xs[b]);
    }
  }
  if (const int rest = static_cast<int>(in - i); rest > 0) {
    for (int b = 0; b < kBatch; ++b) {
      const typename V::Word xs = V::load_tail(x + b * in + i, rest);
      for (int r = 0; r < kRows; ++r) {
        acc[r][b] = V::mul_add(acc[r][b], V::load_tail(w + r * in + i, rest), xs);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int b = 0; b < kBatch; ++b) y[b * ldy + r] = V::sum(acc[r][b]);
  }
}

template <class V, int kBatch>
void gemv_batch(const uint16_t* w, int64_t begin, int64_t end, int64_t in, const uint16_t* x,
                float* y, int64_t ldy) {
  int64_t row = begin;
  for (; row + 4 <= end; row += 4) {
    dot_rows<V, 4, kBatch>(w + row * in, in, x, y + (row - begin), ldy);
  }
  for (; row < end; ++row) dot_rows<V, 1, kBatch>(w + row * in, in, x, y + (row - begin), ldy);
}

template <class V>
void gemv_bf16(const uint16_t* w, int64_t begin, int64_t end, int64_t in, const uint16_t* x,
               int batch, float* y, int64_t ldy) {
  // Four rows of w at a time: they come from memory once for all of x.
  constexpr int64_t kRowsAtOnce = 4;
  for (; begin < end; begin += kRowsAtOnce, y += kRowsAtOnce) {
    const int64_t stop = std::min(begin + kRowsAtOnce, end);
    // Batches that are no case are cut: each row of x is independent.
    int b = 0;
    for (; b + 4 <= batch; b += 4) {
      gemv_batch<V, 4>(w, begin, stop, in, x + b * in, y + b * ldy, ldy);
    }
    for (; b + 2 <= batch; b += 2) {
      gemv_batch<V, 2>(w, begin, stop, in, x + b * in, y + b * ldy, ldy);
    }
    if (b < batch) gemv_batch<V, 1>(w, begin, stop, in, x + b * in, y + b * ldy, ldy);
  }
}

}  // namespace
}  // namespace glmv::kernels
