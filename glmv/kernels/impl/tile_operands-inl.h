#pragma once
// The weights of packed_weight.h as operands of AMX tile products, AVX-512: tiles of 16 lines of 64
// bytes for 16 outputs, one behind the other: [inputs / (64 or 32)][rows 0-15, rows 16-31][16][64].
// A line holds 4 inputs (bytes) or 2 (bf16) of each of the 16 outputs.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <cstdint>

#include "glmv/kernels/packed_weight.h"

namespace glmv::kernels {
namespace {

constexpr int64_t kTileBytes = 1024;
constexpr int kByteInputs = 64;  // per tile
constexpr int kPairInputs = 32;

// Inputs [first, first + n) of one group of 4 bits as signed bytes q - zero.
inline void to_byte_tiles(const std::byte* block, int64_t first, int64_t n, int8_t* tiles) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(block);
  for (int h = 0; h < 2; ++h) {
    const uint8_t* steps = bytes + kPackHeaderBytes + 64 * h + first / 8 * 128;
    int8_t* out = tiles + h * kTileBytes;
    // The zero point of an output in all four bytes of its lane.
    const __m512i zero32 = _mm512_cvtepu8_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + kPackZeroOffset + 16 * h)));
    const __m512i zero = _mm512_mullo_epi32(zero32, _mm512_set1_epi32(0x01010101));
    const __m512i mask = _mm512_set1_epi8(15);
    for (int64_t line = 0; line < n / 4; line += 2, steps += 128) {
      const __m512i w = _mm512_loadu_si512(steps);
      int8_t* at = out + line / 16 * 2 * kTileBytes + line % 16 * 64;
      _mm512_storeu_si512(at, _mm512_sub_epi8(_mm512_and_si512(w, mask), zero));
      const __m512i high = _mm512_and_si512(_mm512_srli_epi16(w, 4), mask);
      _mm512_storeu_si512(at + 64, _mm512_sub_epi8(high, zero));
    }
  }
}

// The operands of inputs [first, first + n) of one group: made in `tiles`, or those of 8 bits as
// they lie, q - 128, the lines of rows 0-15 and 16-31 in turn.
template <int kBits>
const std::byte* byte_operands(const std::byte* block, int64_t first, int64_t n, int8_t* tiles) {
  if constexpr (kBits == 8) return block + kPackHeaderBytes + first * kPackRows;
  to_byte_tiles(block, first, n, tiles);
  return reinterpret_cast<const std::byte*>(tiles);
}

// Inputs that one step of packed weights holds.
template <int kBits>
constexpr int kStepInputs = 32 / kBits;

// One step of packed weights, those of a half of the block, as lines of bf16 (q - zero) * scale,
// rounded to nearest even.
template <class V, int kBits>
void step_to_pairs(const uint8_t* step, __m512 scale, __m512 zero, uint16_t* lines) {
  const __m512i w = kBits == 8 ? V::flip(V::load(step)) : V::load(step);
  const auto value = [&](int j) {
    const int shift = 8 * (j % 4) + 4 * (j / 4);
    return V::mul(V::sub(V::template field<kBits>(w, shift), zero), scale);
  };
#pragma GCC unroll 4
  for (int j = 0; j < kStepInputs<kBits>; j += 2, lines += 32) {
    V::store_words(lines, V::pairs(value(j), value(j + 1)));
  }
}

}  // namespace
}  // namespace glmv::kernels
