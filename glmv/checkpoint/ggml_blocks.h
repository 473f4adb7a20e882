#pragma once
// Element types of GGUF files. The quantised ones store a row in blocks of 32 or 256 elements, each
// with its scales; a row of them is kept as bytes, [rows, bytes of a row] of U8, under the name of
// the tensor with an ending ("...weight_q8_0").

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "glmv/checkpoint/dtype.h"

namespace glmv::checkpoint {

enum class GgmlType { kF32, kF16, kBF16, kQ4_0, kQ8_0, kQ4_K, kQ6_K };

struct GgmlRow {
  GgmlType type;
  uint32_t id;              // in the file
  std::string_view name;    // "Q8_0"
  int64_t elements;         // of a block; 1: not quantised
  int64_t bytes;            // of a block
  std::string_view ending;  // "_q8_0"; "" where not quantised
  DType dtype;              // where not quantised
};

std::span<const GgmlRow> ggml_rows();
const GgmlRow& ggml_row(GgmlType type);
// unsupported, with the known ones, for other ids.
Result<GgmlType> parse_ggml_type(uint32_t id);

// num_blocks * elements values of a quantised type as fp32.
void dequantise_blocks(GgmlType type, const std::byte* blocks, int64_t num_blocks, float* out);

// Whether the scales of all blocks are numbers.
bool has_finite_scales(GgmlType type, const std::byte* blocks, int64_t num_blocks);

// Quantised types in the terms of glmv/quant: q unsigned, w = (q - zero) * scale - offset.
struct GgmlGroups {
  int64_t group;  // inputs per scale
  int bits;       // that hold q
  uint8_t zero;
  bool has_offsets = false;  // else 0
};
std::optional<GgmlGroups> ggml_groups(GgmlType type);  // nothing where not quantised
// q [num_blocks * elements]; scales, and offsets where the type has them, [num_blocks * elements /
// group].
void unpack_blocks(GgmlType type, const std::byte* blocks, int64_t num_blocks, uint8_t* q,
                   float* scales, float* offsets = nullptr);

}  // namespace glmv::checkpoint
