#pragma once
// What a tile product needs of packed weights (packed_weight.h), over the vector type V of
// packed-inl.h: operands in the order of its instructions, and the sums of a group scaled and added.
//   V::pairs(a, b)   16 rows of two fp32 as bf16 words, a in the lower half
//   V::load_ints(p), V::store_bytes(p, v), V::store_words(p, v)
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <cstdint>

#include "glmv/kernels/impl/packed-inl.h"

namespace glmv::kernels {
namespace {

// The steps of one block of 4 bits as bytes [padded_group / 4, 32, 4].
template <class V>
void block_to_bytes(const PackedShape& shape, const std::byte* block, int8_t* out) {
  const auto* steps = reinterpret_cast<const uint8_t*>(block) + kPackHeaderBytes;
  for (int64_t k = 0; k < shape.padded_group(); k += 8, steps += 128, out += 256) {
    for (int h = 0; h < 2; ++h) {
      const typename V::Int w = V::load(steps + 64 * h);
      V::store_bytes(out + 64 * h, V::low(w));
      V::store_bytes(out + 128 + 64 * h, V::high(w));
    }
  }
}

template <class V, int kBits>
void to_pairs(const PackedShape& shape, const uint8_t* block, uint16_t* out) {
  constexpr int kInputs = 32 / kBits;
  for (int h = 0; h < 2; ++h) {
    const typename V::Float scale = V::load_floats(block + 64 * h);
    const typename V::Float zero = V::to_float(V::load_bytes(block + kPackZeroOffset + 16 * h));
    const uint8_t* steps = block + kPackHeaderBytes + 64 * h;
    uint16_t* half = out + 32 * h;
    for (int64_t k = 0; k < shape.padded_group(); k += kInputs, steps += 128) {
      const typename V::Int w = load_steps<V, kBits>(steps);
      const auto value = [&](int j) {
        return V::mul(V::sub(V::template field<kBits>(w, shift_of(j)), zero), scale);
      };
#pragma GCC unroll 4
      for (int j = 0; j < kInputs; j += 2, half += 2 * kPackRows) {
        V::store_words(half, V::pairs(value(j), value(j + 1)));
      }
    }
  }
}

// One block as bf16 pairs of inputs [padded_group / 2, 32, 2].
template <class V>
void block_to_pairs(const PackedShape& shape, const std::byte* block, uint16_t* out) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(block);
  if (shape.bits == 4) {
    to_pairs<V, 4>(shape, bytes, out);
  } else {
    to_pairs<V, 8>(shape, bytes, out);
  }
}

// y[r, 32] += (sums[r, 32] - zero * sum of the row) * scale of the row * scale of the weights, for
// the integer sums of one group over all rows of x.
template <class V>
void add_group(const PackedShape& shape, const std::byte* block, int64_t group, const Int8Rows& x,
               int64_t first, int64_t num_rows, const int32_t* sums, float* y) {
  const auto* header = reinterpret_cast<const uint8_t*>(block);
  const int64_t groups = shape.num_groups();
  for (int h = 0; h < 2; ++h) {
    const typename V::Float scale = V::load_floats(header + 64 * h);
    typename V::Int zero = V::load_bytes(header + kPackZeroOffset + 16 * h);
    if (shape.bits == 8) zero = V::sub(zero, V::set(128));
    for (int64_t r = 0; r < num_rows; ++r) {
      const int64_t at = (first + r) * groups + group;
      const typename V::Int sum = V::load_ints(sums + r * kPackRows + 16 * h);
      const typename V::Int centred = V::sub(sum, V::mul_int(zero, V::set(x.sums[at])));
      float* out = y + r * kPackRows + 16 * h;
      const typename V::Float scaled = V::mul(V::to_float(centred), V::set(x.scales[at]));
      V::store(out, V::mul_add(scaled, scale, V::load_floats(out)), 16);
    }
  }
}

}  // namespace
}  // namespace glmv::kernels
