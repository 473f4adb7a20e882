#include "glmv/checkpoint/ggml_blocks.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "glmv/base/check.h"

namespace glmv::checkpoint {
namespace {

constexpr int64_t kSuper = 256;  // elements of the blocks with two levels of scales

constexpr GgmlRow kRows[] = {
    {GgmlType::kF32, 0, "F32", 1, 4, "", DType::kF32},
    {GgmlType::kF16, 1, "F16", 1, 2, "", DType::kF16},
    {GgmlType::kBF16, 30, "BF16", 1, 2, "", DType::kBF16},
    {GgmlType::kQ4_0, 2, "Q4_0", 32, 18, "_q4_0", DType::kU8},
    {GgmlType::kQ8_0, 8, "Q8_0", 32, 34, "_q8_0", DType::kU8},
    {GgmlType::kQ4_K, 12, "Q4_K", kSuper, 144, "_q4_k", DType::kU8},
    {GgmlType::kQ6_K, 14, "Q6_K", kSuper, 210, "_q6_k", DType::kU8},
};

const uint8_t* bytes_of(const std::byte* p) { return reinterpret_cast<const uint8_t*>(p); }

float half_at(const uint8_t* p) {
  const uint32_t bits = p[0] | static_cast<uint32_t>(p[1]) << 8;
  const uint32_t exponent = bits >> 10 & 31;
  const uint32_t mantissa = bits & 1023;
  float value;
  if (exponent == 31) {
    value = mantissa != 0 ? std::numeric_limits<float>::quiet_NaN()
                          : std::numeric_limits<float>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(mantissa), -24);
  } else {
    value = std::bit_cast<float>((exponent + 112) << 23 | mantissa << 13);
  }
  return bits >> 15 != 0 ? -value : value;
}

// Block: fp16 scale, 16 bytes; byte j holds elements j (low half) and j + 16.
void unpack_q4_0(const uint8_t* block, uint8_t* q, float* scales) {
  *scales = half_at(block);
  for (int j = 0; j < 16; ++j) {
    q[j] = block[2 + j] & 15;
    q[j + 16] = block[2 + j] >> 4;
  }
}

// Block: fp16 scale, 32 signed bytes.
void unpack_q8_0(const uint8_t* block, uint8_t* q, float* scales) {
  *scales = half_at(block);
  for (int j = 0; j < 32; ++j) q[j] = block[2 + j] ^ 128;
}

// Block: low 4 bits of 256 elements (128 bytes), their high 2 bits (64 bytes), 16 signed scales,
// fp16 scale of the scales. Each half of 128 elements takes 64 and 32 bytes: four runs of 32.
void unpack_q6_k(const uint8_t* block, uint8_t* q, float* scales) {
  const float d = half_at(block + 208);
  for (int g = 0; g < 16; ++g) {
    scales[g] = d * static_cast<float>(static_cast<int8_t>(block[192 + g]));
  }
  for (int half = 0; half < 2; ++half) {
    const uint8_t* low = block + 64 * half;
    const uint8_t* high = block + 128 + 32 * half;
    for (int run = 0; run < 4; ++run) {
      for (int j = 0; j < 32; ++j) {
        const uint8_t byte = low[32 * (run % 2) + j];
        const int four = run < 2 ? byte & 15 : byte >> 4;
        const int two = high[j] >> (2 * run) & 3;
        q[128 * half + 32 * run + j] = static_cast<uint8_t>(four | two << 4);
      }
    }
  }
}

// Block: fp16 scale and fp16 offset, eight 6-bit pairs of (scale, offset) in 12 bytes, 4 bits of
// 256 elements: 32 bytes hold a group in their low and the next one in their high halves.
void unpack_q4_k(const uint8_t* block, uint8_t* q, float* scales, float* offsets) {
  const float d = half_at(block);
  const float offset = half_at(block + 2);
  const uint8_t* packed = block + 4;
  for (int g = 0; g < 8; ++g) {
    // Pairs 0-3 lie in the low six bits of bytes 0-3 and 4-7; of pairs 4-7, the low four bits in
    // the halves of bytes 8-11 and the high two above those of pairs 0-3.
    const int scale = g < 4 ? packed[g] & 63 : (packed[g + 4] & 15) | (packed[g - 4] >> 6) << 4;
    const int shift = g < 4 ? packed[g + 4] & 63 : packed[g + 4] >> 4 | (packed[g] >> 6) << 4;
    const uint8_t* codes = block + 16 + 32 * (g / 2);
    scales[g] = d * static_cast<float>(scale);
    offsets[g] = offset * static_cast<float>(shift);
    for (int j = 0; j < 32; ++j) q[32 * g + j] = codes[j] >> (4 * (g % 2)) & 15;
  }
}

}  // namespace

std::span<const GgmlRow> ggml_rows() { return kRows; }

const GgmlRow& ggml_row(GgmlType type) {
  for (const GgmlRow& row : kRows) {
    if (row.type == type) return row;
  }
  throw_internal_error(__FILE__, __LINE__, "type is in the table", "");
}

Result<GgmlType> parse_ggml_type(uint32_t id) {
  std::string known;
  for (const GgmlRow& row : kRows) {
    if (row.id == id) return row.type;
    if (!known.empty()) known += ", ";
    known += row.name;
  }
  return unsupported("ggml type {} cannot be read; known: {}", id, known);
}

std::optional<GgmlGroups> ggml_groups(GgmlType type) {
  switch (type) {
    case GgmlType::kQ4_0:
      return GgmlGroups{32, 4, 8};
    case GgmlType::kQ8_0:
      return GgmlGroups{32, 8, 128};
    case GgmlType::kQ6_K:
      return GgmlGroups{16, 8, 32};
    case GgmlType::kQ4_K:
      return GgmlGroups{32, 4, 0, true};
    default:
      return std::nullopt;
  }
}

void unpack_blocks(GgmlType type, const std::byte* blocks, int64_t num_blocks, uint8_t* q,
                   float* scales, float* offsets) {
  const GgmlRow& row = ggml_row(type);
  const auto groups = ggml_groups(type);
  GLMV_CHECK(groups.has_value() && groups->has_offsets == (offsets != nullptr));
  for (int64_t i = 0; i < num_blocks; ++i) {
    const uint8_t* block = bytes_of(blocks) + i * row.bytes;
    if (type == GgmlType::kQ4_0) unpack_q4_0(block, q, scales);
    if (type == GgmlType::kQ8_0) unpack_q8_0(block, q, scales);
    if (type == GgmlType::kQ6_K) unpack_q6_k(block, q, scales);
    if (groups->has_offsets) {
      unpack_q4_k(block, q, scales, offsets);
      offsets += row.elements / groups->group;
    }
    q += row.elements;
    scales += row.elements / groups->group;
  }
}

void dequantise_blocks(GgmlType type, const std::byte* blocks, int64_t num_blocks, float* out) {
  const GgmlRow& row = ggml_row(type);
  GLMV_CHECK(row.elements > 1);
  const auto groups = ggml_groups(type);
  uint8_t q[kSuper];
  float scales[16], offsets[16] = {};
  for (int64_t i = 0; i < num_blocks; ++i, out += row.elements) {
    unpack_blocks(type, blocks + i * row.bytes, 1, q, scales,
                  groups->has_offsets ? offsets : nullptr);
    for (int64_t k = 0; k < row.elements; ++k) {
      const int64_t g = k / groups->group;
      out[k] = static_cast<float>(q[k] - groups->zero) * scales[g] - offsets[g];
    }
  }
}

bool has_finite_scales(GgmlType type, const std::byte* blocks, int64_t num_blocks) {
  const GgmlRow& row = ggml_row(type);
  const auto is_finite = [](const uint8_t* half) { return (half[1] & 0x7c) != 0x7c; };
  for (int64_t i = 0; i < num_blocks; ++i) {
    const uint8_t* block = bytes_of(blocks) + i * row.bytes;
    if (!is_finite(type == GgmlType::kQ6_K ? block + 208 : block)) return false;
    if (type == GgmlType::kQ4_K && !is_finite(block + 2)) return false;
  }
  return true;
}

}  // namespace glmv::checkpoint
