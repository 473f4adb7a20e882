#include "glmv/kernels/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace glmv::kernels {
namespace {

constexpr int kHalfRows = kPackRows / 2;
constexpr uint8_t kSignBit = 128;  // of stored 8-bit values

constexpr uint32_t kSignBits = 0x80808080;

uint32_t four_bytes(const uint8_t* p) {
  uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// A group of one row: one lane of every step. `q` [padded_group].
template <int kBits>
void pack_lanes(const uint8_t* q, int64_t padded_group, uint8_t* lane) {
  constexpr int64_t kInputs = 32 / kBits;
  for (int64_t k = 0; k < padded_group; k += kInputs, lane += 128) {
    const uint32_t word =
        kBits == 8 ? four_bytes(q + k) ^ kSignBits : four_bytes(q + k) | four_bytes(q + k + 4) << 4;
    std::memcpy(lane, &word, sizeof word);
  }
}

// Where input k of row r lies in the steps of a block, and whether in the high half of the byte.
struct Place {
  int64_t byte;
  int shift;
};

Place place_of(int bits, int r, int64_t k) {
  const int64_t inputs = 32 / bits;  // per step
  const int64_t in_step = k % inputs;
  const int64_t lane = (k / inputs) * 128 + (r / kHalfRows) * 64 + (r % kHalfRows) * 4;
  return {kPackHeaderBytes + lane + in_step % 4, in_step >= 4 ? 4 : 0};
}

}  // namespace

void pack_rows(const PackedShape& shape, int rows, const uint8_t* q, const float* scales,
               const uint8_t* zeros, std::byte* block) {
  const int64_t groups = shape.num_groups();
  const int64_t padded = shape.padded_group();
  std::vector<uint8_t> with_padding(padded > shape.group ? padded : 0);
  for (int64_t g = 0; g < groups; ++g, block += shape.block_bytes()) {
    std::memset(block, 0, rows < kPackRows ? shape.block_bytes() : kPackHeaderBytes);
    auto* bytes = reinterpret_cast<uint8_t*>(block);
    for (int r = 0; r < rows; ++r) {
      const uint8_t zero = zeros[r * groups + g];
      std::memcpy(bytes + 4 * r, &scales[r * groups + g], 4);
      bytes[kPackZeroOffset + r] = zero;
      const uint8_t* values = q + r * shape.in + g * shape.group;
      if (!with_padding.empty()) {
        std::copy_n(values, shape.group, with_padding.begin());
        std::fill(with_padding.begin() + shape.group, with_padding.end(), zero);
        values = with_padding.data();
      }
      uint8_t* lane = bytes + place_of(shape.bits, r, 0).byte;
      if (shape.bits == 4) {
        pack_lanes<4>(values, padded, lane);
      } else {
        pack_lanes<8>(values, padded, lane);
      }
    }
  }
}

void unpack_rows(const PackedShape& shape, const std::byte* block, float* w) {
  const int mask = (1 << shape.bits) - 1;
  for (int64_t g = 0; g < shape.num_groups(); ++g, block += shape.block_bytes()) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(block);
    for (int r = 0; r < kPackRows; ++r) {
      float scale;
      std::memcpy(&scale, bytes + 4 * r, 4);
      for (int64_t k = 0; k < shape.group; ++k) {
        const Place place = place_of(shape.bits, r, k);
        const int stored = bytes[place.byte] >> place.shift & mask;
        const int q = shape.bits == 8 ? stored ^ kSignBit : stored;
        w[r * shape.in + g * shape.group + k] =
            static_cast<float>(q - bytes[kPackZeroOffset + r]) * scale;
      }
    }
  }
}

}  // namespace glmv::kernels
