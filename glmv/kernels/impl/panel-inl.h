#pragma once
// The product of a few rows with a panel of packed columns in registers: what flash attention and
// the products of packed weights with many rows spend their time in. `Op` is a type of operands:
//   Op::Lanes          a vector type with kLanes floats (avx512_lanes-inl.h)
//   Op::kRows, Op::kVectors   the tile of sums that the registers hold: rows, vectors of columns
//   Op::kElements      numbers in a 32-bit word of an operand: 1 (fp32) or 2 (bf16)
//   Op::mul_add(a, b, c)      c + the products of the words of a and b
// Words are held as `float`, whatever they mean. Everything is in an unnamed namespace: each
// isa/*.cc must keep its own copy.

#include <cstdint>

namespace glmv::kernels {
namespace {

// c [kRows, kVectors * kLanes] (+)= a [kRows, depth] * b [depth, kVectors * kLanes], in words.
template <class Op, int kRows, int kVectors, int kLda, int kLdc, bool kAdd>
void multiply_panel(const float* a, const float* b, int64_t depth, float* c) {
  using V = typename Op::Lanes;
  typename V::Float sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] = kAdd ? V::load(c + r * kLdc + v * V::kLanes) : V::zero();
    }
  }
  for (int64_t d = 0; d < depth; ++d, ++a, b += kVectors * V::kLanes) {
    typename V::Float columns[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) columns[v] = V::load(b + v * V::kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const typename V::Float x = V::set(a[r * kLda]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[r][v] = Op::mul_add(x, columns[v], sums[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) V::store(c + r * kLdc + v * V::kLanes, sums[r][v]);
  }
}

// Operands of fp32, over a vector type.
template <class V, int kTileRows, int kTileVectors>
struct FloatOperands {
  using Lanes = V;
  static constexpr int kRows = kTileRows;
  static constexpr int kVectors = kTileVectors;
  static constexpr int kElements = 1;
  static typename V::Float mul_add(typename V::Float a, typename V::Float b, typename V::Float c) {
    return V::mul_add(a, b, c);
  }
  // Up to kLanes words of a row: its first n elements, zeros behind them.
  template <class T>
  static typename V::Float words(const T* row, int64_t n) {
    return V::widen(row, n);
  }
  // Words of a column of kElements rows, `other` being the second (unused here).
  template <class T>
  static typename V::Float pair(const T* row, const T* /*other*/, int64_t n) {
    return V::widen(row, n);
  }
  // Elements [k, k + kLanes) of a row of operands.
  static void put(float* row, int64_t k, typename V::Float v) { V::store(row + k, v); }
};

}  // namespace
}  // namespace glmv::kernels
