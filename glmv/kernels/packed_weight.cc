#include "glmv/kernels/packed_weight.h"

#include <cstring>

namespace glmv::kernels {
namespace {

constexpr int kHalfRows = kPackRows / 2;
constexpr uint8_t kSignBit = 128;  // of stored 8-bit values

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
  for (int64_t g = 0; g < groups; ++g, block += shape.block_bytes()) {
    std::memset(block, 0, shape.block_bytes());
    auto* bytes = reinterpret_cast<uint8_t*>(block);
    for (int r = 0; r < rows; ++r) {
      std::memcpy(bytes + 4 * r, &scales[r * groups + g], 4);
      const uint8_t zero = zeros[r * groups + g];
      bytes[kPackZeroOffset + r] = zero;
      for (int64_t k = 0; k < shape.padded_group(); ++k) {
        const Place place = place_of(shape.bits, r, k);
        uint8_t value = k < shape.group ? q[r * shape.in + g * shape.group + k] : zero;
        if (shape.bits == 8) value ^= kSignBit;
        bytes[place.byte] |= static_cast<uint8_t>(value << place.shift);
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
