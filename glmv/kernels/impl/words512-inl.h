#pragma once
// Rearranging 32-bit and 16-bit words in AVX-512 registers: operands of tile products and panels.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <array>
#include <cstdint>

namespace glmv::kernels {
namespace {

// Transposes 16 x 16 words.
inline void transpose(const __m512i* in, __m512i* out) {
  __m512i a[16], b[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(in[i], in[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(in[i], in[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  // b[4 r + c], 128 bits l: column 4 l + c of rows 4 r to 4 r + 3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i low = _mm512_shuffle_i32x4(b[c], b[4 + c], 0x44);
    const __m512i high = _mm512_shuffle_i32x4(b[c], b[4 + c], 0xee);
    const __m512i low2 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0x44);
    const __m512i high2 = _mm512_shuffle_i32x4(b[8 + c], b[12 + c], 0xee);
    out[c] = _mm512_shuffle_i32x4(low, low2, 0x88);
    out[4 + c] = _mm512_shuffle_i32x4(low, low2, 0xdd);
    out[8 + c] = _mm512_shuffle_i32x4(high, high2, 0x88);
    out[12 + c] = _mm512_shuffle_i32x4(high, high2, 0xdd);
  }
}

// The order that puts the words of two vectors in turn: the first half of each, or the second.
inline __m512i in_turn(int half) {
  alignas(64) static constexpr auto kOrder = [] {
    std::array<std::array<uint16_t, 32>, 2> order{};
    for (int h = 0; h < 2; ++h) {
      for (int i = 0; i < 16; ++i) {
        order[h][2 * i] = static_cast<uint16_t>(16 * h + i);
        order[h][2 * i + 1] = static_cast<uint16_t>(32 + 16 * h + i);
      }
    }
    return order;
  }();
  return _mm512_load_si512(kOrder[half].data());
}

}  // namespace
}  // namespace glmv::kernels
