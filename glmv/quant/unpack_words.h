#pragma once
// Values of 4 bits, eight to a 32-bit word, one byte each.

#include <cstdint>
#include <cstring>

namespace glmv::quant {

// out[i] = nibble i of `word`, i = 0..7.
inline void spread_nibbles(uint32_t word, uint8_t* out) {
  uint64_t x = word;
  x = (x | x << 16) & 0x0000ffff0000ffffull;
  x = (x | x << 8) & 0x00ff00ff00ff00ffull;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0full;
  std::memcpy(out, &x, sizeof x);
}

// Nibble j of words[i] <-> nibble i of words[j].
inline void transpose_nibbles(uint32_t (&words)[8]) {
  const auto swap = [&words](int distance, int shift, uint32_t mask) {
    for (int i = 0; i < 8; ++i) {
      if ((i & distance) != 0) continue;
      const uint32_t moved = (words[i] >> shift ^ words[i + distance]) & mask;
      words[i + distance] ^= moved;
      words[i] ^= moved << shift;
    }
  };
  swap(1, 4, 0x0f0f0f0f);
  swap(2, 8, 0x00ff00ff);
  swap(4, 16, 0x0000ffff);
}

}  // namespace glmv::quant
