// Every type of block against the formula of one element, written from the format's description.

#include "glmv/checkpoint/ggml_blocks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "glmv/base/random.h"

namespace glmv::checkpoint {
namespace {

// Of a half without sign tricks: small positive scales only.
double half_value(const uint8_t* p) {
  const int bits = p[0] | p[1] << 8;
  const int exponent = bits >> 10 & 31;
  const double magnitude = exponent == 0 ? std::ldexp(bits & 1023, -24)
                                         : std::ldexp((bits & 1023) | 1024, exponent - 25);
  return bits >> 15 != 0 ? -magnitude : magnitude;
}

double element(GgmlType type, const uint8_t* b, int i) {
  switch (type) {
    case GgmlType::kQ4_0:
      return half_value(b) * ((b[2 + i % 16] >> (i < 16 ? 0 : 4) & 15) - 8);
    case GgmlType::kQ8_0:
      return half_value(b) * static_cast<int8_t>(b[2 + i]);
    case GgmlType::kQ4_K: {
      const int g = i / 32;
      const uint8_t* s = b + 4;
      const int scale = g < 4 ? s[g] % 64 : s[g + 4] % 16 + s[g - 4] / 64 * 16;
      const int shift = g < 4 ? s[g + 4] % 64 : s[g + 4] / 16 + s[g] / 64 * 16;
      const int q = b[16 + i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
      return half_value(b) * scale * q - half_value(b + 2) * shift;
    }
    case GgmlType::kQ6_K: {
      const int half = i / 128, in_half = i % 128;
      const int low = b[half * 64 + in_half % 64] >> (in_half / 64 * 4) & 15;
      const int high = b[128 + half * 32 + in_half % 32] >> (in_half / 32 * 2) & 3;
      const auto scale = static_cast<int8_t>(b[192 + i / 16]);
      return half_value(b + 208) * scale * (low + 16 * high - 32);
    }
    default:
      return 0;
  }
}

constexpr GgmlType kQuantised[] = {GgmlType::kQ4_0, GgmlType::kQ8_0, GgmlType::kQ4_K,
                                   GgmlType::kQ6_K};

// Random bytes, with scales that are numbers.
std::vector<uint8_t> random_blocks(GgmlType type, int64_t num_blocks) {
  Random random(21);
  const GgmlRow& row = ggml_row(type);
  std::vector<uint8_t> bytes(num_blocks * row.bytes);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  for (int64_t i = 0; i < num_blocks; ++i) {
    uint8_t* block = bytes.data() + i * row.bytes;
    if (type == GgmlType::kQ6_K) block += 208;
    block[1] &= 0xbb;
    if (type == GgmlType::kQ4_K) block[3] &= 0xbb;
  }
  return bytes;
}

TEST(GgmlBlocks, EqualTheFormula) {
  constexpr int64_t kBlocks = 9;
  for (const GgmlType type : kQuantised) {
    const GgmlRow& row = ggml_row(type);
    const std::vector<uint8_t> bytes = random_blocks(type, kBlocks);
    const auto* blocks = reinterpret_cast<const std::byte*>(bytes.data());
    std::vector<float> got(kBlocks * row.elements);
    dequantise_blocks(type, blocks, kBlocks, got.data());
    for (size_t i = 0; i < got.size(); ++i) {
      const double want =
          element(type, &bytes[i / row.elements * row.bytes], static_cast<int>(i % row.elements));
      ASSERT_NEAR(got[i], want, 1e-5 * std::abs(want) + 1e-9) << row.name << " " << i;
    }
    EXPECT_TRUE(has_finite_scales(type, blocks, kBlocks));
    const auto groups = ggml_groups(type);
    ASSERT_TRUE(groups) << row.name;
    std::vector<uint8_t> q(got.size());
    std::vector<float> scales(got.size() / groups->group), offsets(scales.size());
    unpack_blocks(type, blocks, kBlocks, q.data(), scales.data(),
                  groups->has_offsets ? offsets.data() : nullptr);
    for (size_t i = 0; i < got.size(); ++i) {
      const size_t g = i / groups->group;
      ASSERT_LT(q[i], 1 << groups->bits);
      ASSERT_EQ(static_cast<float>(q[i] - groups->zero) * scales[g] - offsets[g], got[i]);
    }
  }
}

TEST(GgmlBlocks, ScalesThatAreNoNumbersAreSeen) {
  for (const GgmlType type : kQuantised) {
    const size_t at = type == GgmlType::kQ6_K ? 208 : 0;
    for (const size_t scale : {at, at + 2}) {
      if (scale > at && type != GgmlType::kQ4_K) continue;
      for (const uint8_t high : {0x7c, 0x7e, 0xfc}) {
        std::vector<uint8_t> bytes = random_blocks(type, 3);
        bytes[ggml_row(type).bytes + scale + 1] = high;
        EXPECT_FALSE(has_finite_scales(type, reinterpret_cast<const std::byte*>(bytes.data()), 3));
      }
    }
  }
}

TEST(GgmlBlocks, TypesByTheirNumber) {
  for (const GgmlRow& row : ggml_rows()) EXPECT_EQ(*parse_ggml_type(row.id), row.type);
  EXPECT_EQ(parse_ggml_type(3).error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace glmv::checkpoint
