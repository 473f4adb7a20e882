#pragma once
// The weight of one Linear in 4 or 8 bits, in the order in which the kernels read it: one stream
// from the first byte to the last.
//
// w[o, i] = (q[o, i] - zero[o, g]) * scale[o, g], g = i / group, q and zero unsigned.
//
// A block holds 32 output rows and one group of inputs; the blocks of 32 rows follow each other
// group by group. Bytes of a block:
//   0    fp32 scales of the 32 rows
//   128  uint8 zero points of the 32 rows, then 32 bytes of padding
//   192  steps of 64 bytes each for rows 0-15 and rows 16-31; one 32-bit lane is one row:
//          4 bits: 8 inputs a step; byte j holds input j in its low, input j + 4 in its high half
//          8 bits: 4 inputs a step; byte j holds input j, less 128: the blocks of rows are then the
//          signed operand of a tile product as they lie
// A group is padded to whole steps of 8 inputs with q = zero; rows behind `out` have scale 0.

#include <cstddef>
#include <cstdint>

namespace glmv::kernels {

inline constexpr int kPackRows = 32;
inline constexpr int64_t kPackZeroOffset = 128;  // of the zero points in a block
inline constexpr int64_t kPackHeaderBytes = 192;

struct PackedShape {
  int64_t out = 0;
  int64_t in = 0;
  int64_t group = 0;  // divides `in`
  int bits = 4;       // 4 or 8

  int64_t num_groups() const { return in / group; }
  int64_t padded_group() const { return (group + 7) / 8 * 8; }
  // Elements of a row of activations, every group padded.
  int64_t padded_in() const { return num_groups() * padded_group(); }
  int64_t num_row_blocks() const { return (out + kPackRows - 1) / kPackRows; }
  int64_t block_bytes() const { return kPackHeaderBytes + padded_group() * kPackRows * bits / 8; }
  int64_t row_block_bytes() const { return num_groups() * block_bytes(); }
  int64_t num_bytes() const { return num_row_blocks() * row_block_bytes(); }
  bool operator==(const PackedShape&) const = default;
};

// Packs up to 32 rows: q [rows, in], scales and zeros [rows, groups]. Writes row_block_bytes().
void pack_rows(const PackedShape& shape, int rows, const uint8_t* q, const float* scales,
               const uint8_t* zeros, std::byte* block);

// The 32 rows of a block as fp32 [32, in]: the reference for every kernel.
void unpack_rows(const PackedShape& shape, const std::byte* block, float* w);

// Activations for the integer products: per row and group the values as int8 steps of `scale`.
struct Int8Rows {
  const int8_t* q = nullptr;      // [rows, padded_in], padding 0
  const float* scales = nullptr;  // [rows, groups]
  const int32_t* sums = nullptr;  // [rows, groups], of q
  int64_t num_rows = 0;
};

// Activations for the exact products.
struct FloatRows {
  const float* x = nullptr;     // [rows, padded_in], padding 0
  const float* sums = nullptr;  // [rows, groups], of x
  int64_t num_rows = 0;
};

// Activations as tiles of 16 rows and 64 bytes, rows that do not exist 0: for products by tiles.
struct Int8Tiles {
  const int8_t* q = nullptr;      // [row tiles, padded_in / 64, 16, 64]
  const float* scales = nullptr;  // [groups, 16 * row tiles]
  const int32_t* sums = nullptr;  // the same
  int64_t num_rows = 0;
};
struct Bf16Tiles {
  const uint16_t* x = nullptr;  // [row tiles, padded_in / 32, 16, 32]
  int64_t num_rows = 0;
  const float* sums = nullptr;  // [groups, 16 * row tiles], of x; for few rows only
};
// The same as right operands: pairs of inputs of 16 rows.
struct PairTiles {
  const uint16_t* x = nullptr;  // [row tiles, in / 2, 16, 2]
  int64_t num_rows = 0;
};

}  // namespace glmv::kernels
