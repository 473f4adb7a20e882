#pragma once
// Products of packed weights (packed_weight.h) over a vector type V of 16 rows:
//   V::Int, V::Float   16 lanes of int32, fp32; V::zero_int(), V::zero_float(), V::set(v)
//   V::load(p)         64 bytes; V::load_bytes(p) 16 uint8 widened; V::load_floats(p)
//   V::flip(v)         every byte less 128, or back
//   V::low(v), V::high(v)        the 4-bit halves of every byte
//   V::dot(acc, w, x)  acc + the four products of unsigned bytes w with signed bytes x of each
//   lane,
//                      x >= -127; V::dot_small: the same for w < 64
//   V::field<bits>(v, shift)     (v >> shift) & (2^bits - 1) of each lane, as fp32
//   V::to_float, V::add, V::sub, V::mul, V::mul_int, V::mul_add, V::store(p, v, n)
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "glmv/kernels/packed_weight.h"

namespace glmv::kernels {
namespace {

// How far ahead of its use a weight is fetched: left to itself, the CPU reads one stream at three
// quarters of the speed of its memory. At 60 GB/s, 3 KiB give 75 %, 6 KiB 90, 8 KiB 95, 12 KiB 94.
constexpr int64_t kAheadBytes = 8192;

// The two lines of a step.
inline void fetch_step(const uint8_t* step) {
  __builtin_prefetch(step + kAheadBytes);
  __builtin_prefetch(step + kAheadBytes + 64);
}

// The lines of a block's scales and zero points.
inline void fetch_header(const uint8_t* block) {
  for (int64_t line = 0; line < kPackHeaderBytes; line += 64) {
    __builtin_prefetch(block + kAheadBytes + line);
  }
}

inline int32_t four_bytes(const int8_t* p) {
  int32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// Where value j of a lane begins, in bits: the low halves of the bytes first (4 bits), or the
// bytes.
constexpr int shift_of(int j) { return 8 * (j % 4) + 4 * (j / 4); }

// What a block adds to kBatch rows of y: both halves of its 32 rows.
template <class V, int kBatch>
struct BlockSums {
  typename V::Float half[2][kBatch];

  BlockSums() {
    for (auto& rows : half) std::fill(rows, rows + kBatch, V::zero_float());
  }
  // The first `valid` of the 32.
  void store(float* y, int64_t ldy, int valid) const {
    for (int b = 0; b < kBatch; ++b) {
      V::store(y + b * ldy, half[0][b], valid);
      V::store(y + b * ldy + 16, half[1][b], valid - 16);
    }
  }
};

// 64 bytes of the steps of 16 rows, unsigned.
template <class V, int kBits>
typename V::Int load_steps(const uint8_t* p) {
  return kBits == 8 ? V::flip(V::load(p)) : V::load(p);
}

// The integer sums of one block for kBatch rows of activations, `x` rows `ldx` apart.
template <class V, int kBits, int kBatch>
void block_sums(const uint8_t* steps, int64_t inputs, const int8_t* x, int64_t ldx,
                typename V::Int (&acc)[2][kBatch]) {
  constexpr int kInputs = 32 / kBits;
  for (int64_t k = 0; k < inputs; k += kInputs, steps += 128) {
    if constexpr (kBatch < 6) fetch_step(steps);
    for (int h = 0; h < 2; ++h) {
      const typename V::Int w = load_steps<V, kBits>(steps + 64 * h);
      for (int b = 0; b < kBatch; ++b) {
        const int8_t* xs = x + b * ldx + k;
        if constexpr (kBits == 4) {
          acc[h][b] = V::dot_small(acc[h][b], V::low(w), V::set(four_bytes(xs)));
          acc[h][b] = V::dot_small(acc[h][b], V::high(w), V::set(four_bytes(xs + 4)));
        } else {
          acc[h][b] = V::dot(acc[h][b], w, V::set(four_bytes(xs)));
        }
      }
    }
  }
}

template <class V, int kBits, int kBatch>
void row_block(const PackedShape& shape, const uint8_t* block, const Int8Rows& x, int64_t first,
               float* y, int64_t ldy, int valid) {
  const int64_t groups = shape.num_groups();
  const int64_t padded = shape.padded_group();
  BlockSums<V, kBatch> sum;
  for (int64_t g = 0; g < groups; ++g, block += shape.block_bytes()) {
    if constexpr (kBatch < 6) fetch_header(block);
    typename V::Int acc[2][kBatch];
    for (auto& half : acc) {
      for (auto& value : half) value = V::zero_int();
    }
    block_sums<V, kBits, kBatch>(block + kPackHeaderBytes, padded,
                                 x.q + first * shape.padded_in() + g * padded, shape.padded_in(),
                                 acc);
    for (int h = 0; h < 2; ++h) {
      const typename V::Float scale = V::load_floats(block + 64 * h);
      const typename V::Int zero = V::load_bytes(block + kPackZeroOffset + 16 * h);
      for (int b = 0; b < kBatch; ++b) {
        const int64_t at = (first + b) * groups + g;
        const typename V::Int centred = V::sub(acc[h][b], V::mul_int(zero, V::set(x.sums[at])));
        const typename V::Float scaled = V::mul(V::to_float(centred), V::set(x.scales[at]));
        sum.half[h][b] = V::mul_add(scaled, scale, sum.half[h][b]);
      }
    }
  }
  sum.store(y, ldy, valid);
}

// Exact in the activations: every weight as fp32.
template <class V, int kBits, int kBatch>
void row_block(const PackedShape& shape, const uint8_t* block, const FloatRows& x, int64_t first,
               float* y, int64_t ldy, int valid) {
  constexpr int kInputs = 32 / kBits;
  // One row alone needs several chains of additions to keep the units busy.
  constexpr int kChains = kBatch == 1 ? 4 : 1;
  const int64_t groups = shape.num_groups();
  const int64_t padded = shape.padded_group();
  BlockSums<V, kBatch> sum;
  for (int64_t g = 0; g < groups; ++g, block += shape.block_bytes()) {
    if constexpr (kBatch < 6) fetch_header(block);
    typename V::Float acc[2][kBatch][kChains];
    for (auto& half : acc) {
      for (auto& row : half) {
        for (auto& value : row) value = V::zero_float();
      }
    }
    const uint8_t* steps = block + kPackHeaderBytes;
    const float* xg = x.x + first * shape.padded_in() + g * padded;
    for (int64_t k = 0; k < padded; k += kInputs, steps += 128) {
      if constexpr (kBatch < 6) fetch_step(steps);
      for (int h = 0; h < 2; ++h) {
        const typename V::Int w = load_steps<V, kBits>(steps + 64 * h);
#pragma GCC unroll 8
        for (int j = 0; j < kInputs; ++j) {
          const typename V::Float value = V::template field<kBits>(w, shift_of(j));
          for (int b = 0; b < kBatch; ++b) {
            typename V::Float& chain = acc[h][b][j % kChains];
            chain = V::mul_add(value, V::set(xg[b * shape.padded_in() + k + j]), chain);
          }
        }
      }
    }
    for (int h = 0; h < 2; ++h) {
      const typename V::Float scale = V::load_floats(block + 64 * h);
      const typename V::Float zero = V::to_float(V::load_bytes(block + kPackZeroOffset + 16 * h));
      for (int b = 0; b < kBatch; ++b) {
        typename V::Float total = acc[h][b][0];
        for (int c = 1; c < kChains; ++c) total = V::add(total, acc[h][b][c]);
        const typename V::Float shift = V::mul(zero, V::set(x.sums[(first + b) * groups + g]));
        sum.half[h][b] = V::mul_add(V::sub(total, shift), scale, sum.half[h][b]);
      }
    }
  }
  sum.store(y, ldy, valid);
}

// All rows of x against one block of 32 rows: the block stays in the caches.
template <class V, int kBits, class Rows>
void all_rows(const PackedShape& shape, const uint8_t* block, const Rows& x, float* y, int64_t ldy,
              int valid) {
  int64_t row = 0;
  for (; row + 6 <= x.num_rows; row += 6) {
    row_block<V, kBits, 6>(shape, block, x, row, y + row * ldy, ldy, valid);
  }
  for (; row + 2 <= x.num_rows; row += 2) {
    row_block<V, kBits, 2>(shape, block, x, row, y + row * ldy, ldy, valid);
  }
  if (row < x.num_rows) row_block<V, kBits, 1>(shape, block, x, row, y + row * ldy, ldy, valid);
}

template <class V, class Rows>
void packed_product(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                    const Rows& x, float* y, int64_t ldy) {
  for (int64_t b = begin; b < end; ++b) {
    const auto* block = reinterpret_cast<const uint8_t*>(w) + b * shape.row_block_bytes();
    float* out = y + b * kPackRows;
    const int valid = static_cast<int>(std::min<int64_t>(kPackRows, shape.out - b * kPackRows));
    if (shape.bits == 4) {
      all_rows<V, 4>(shape, block, x, out, ldy, valid);
    } else {
      all_rows<V, 8>(shape, block, x, out, ldy, valid);
    }
  }
}

// One row of fp32 activations [in] to int8 steps of max / 127 per group.
inline void quantize_row(const PackedShape& shape, const float* x, int8_t* q, float* scales,
                         int32_t* sums) {
  for (int64_t g = 0; g < shape.num_groups(); ++g) {
    const float* in = x + g * shape.group;
    int8_t* out = q + g * shape.padded_group();
    // Sixteen maxima side by side: one alone would keep the compiler from using vectors.
    float lanes[16] = {};
    int64_t done = 0;
    for (; done + 16 <= shape.group; done += 16) {
      for (int j = 0; j < 16; ++j) {
        const float size = std::fabs(in[done + j]);
        lanes[j] = size > lanes[j] ? size : lanes[j];
      }
    }
    float largest = 0;
    for (const float size : lanes) largest = std::max(largest, size);
    for (; done < shape.group; ++done) largest = std::max(largest, std::fabs(in[done]));
    const float scale = largest / 127.0f;
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    int32_t sum = 0;
    for (int64_t k = 0; k < shape.group; ++k) {
      // Adding 1.5 * 2^23 rounds to the nearest integer, ties to even, and leaves it in the low
      // bits.
      const float shifted = in[k] * inverse + 12582912.0f;
      int32_t bits;
      std::memcpy(&bits, &shifted, sizeof bits);
      const int32_t value = bits - 0x4B400000;
      out[k] = static_cast<int8_t>(value);
      sum += value;
    }
    for (int64_t k = shape.group; k < shape.padded_group(); ++k) out[k] = 0;
    scales[g] = scale;
    sums[g] = sum;
  }
}

}  // namespace
}  // namespace glmv::kernels
