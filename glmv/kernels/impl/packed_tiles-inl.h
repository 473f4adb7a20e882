#pragma once
// Packed weights (packed_weight.h) as bf16 operands, over the vector type V of packed-inl.h:
//   V::pairs(a, b)   16 rows of two fp32 as bf16 words, a in the lower half; V::store_words(p, v)
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <cstdint>

#include "glmv/kernels/impl/packed-inl.h"

namespace glmv::kernels {
namespace {

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

}  // namespace
}  // namespace glmv::kernels
