#pragma once
// Our own CPU kernels, on raw pointers. One algorithm per file under impl/, compiled once per
// instruction set under isa/; dispatch.cc picks the best set that this CPU has, once.
// Kernels are pure functions over a range of output rows: the caller brings the threads.

#include <cstdint>
#include <span>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/kernels/attention.h"
#include "glmv/kernels/fp8_matrix.h"
#include "glmv/kernels/packed_weight.h"

namespace glmv::kernels {

// Most rows of x that gemv_bf16 takes.
inline constexpr int kMaxGemvBatch = 8;

// y[b, o] = sum_i w[o, i] * x[b, i] for o in [row_begin, row_end), accumulated in fp32.
// w: bf16 [rows, in], rows `in` apart. x: bf16 [batch, in], 1 <= batch <= kMaxGemvBatch. y: fp32
// [batch, row_end - row_begin], rows `ldy` apart, y[., 0] belonging to row_begin. Each y depends on
// its own row of x only: the result does not change with the batch.
using GemvBf16 = void (*)(const uint16_t* w, int64_t row_begin, int64_t row_end, int64_t in,
                          const uint16_t* x, int batch, float* y, int64_t ldy);

// y[b, o] = sum_i w[o, i] * x[b, i] for the rows of the blocks [block_begin, block_end) of 32
// output rows each; y: fp32 [x.num_rows, out], rows `ldy` apart. Integer sums per group, then fp32.
// Any number of rows; each y depends on its own row of x only.
using PackedInt8Product = void (*)(const PackedShape& shape, const std::byte* w,
                                   int64_t block_begin, int64_t block_end, const Int8Rows& x,
                                   float* y, int64_t ldy);
// The same with fp32 activations and fp32 sums.
using PackedFloatProduct = void (*)(const PackedShape& shape, const std::byte* w,
                                    int64_t block_begin, int64_t block_end, const FloatRows& x,
                                    float* y, int64_t ldy);
// For bf16 products by a library: a block (32 rows, one group) as bf16 pairs of inputs
// [padded_group / 2, 32, 2], rounded to nearest even.
using BlockToPairs = void (*)(const PackedShape& shape, const std::byte* block, uint16_t* out);
// A row x [in] for the integer product: q [padded_in], scales and sums [groups]. The step of a
// group is its largest magnitude / 127.
using QuantizeRow = void (*)(const PackedShape& shape, const float* x, int8_t* q, float* scales,
                             int32_t* sums);

// Keys and values of one sequence and one key/value head, in blocks of block_tokens tokens: token t
// is in the block that starts at blocks[t / block_tokens]; the block's keys [block_tokens,
// head_dim] lie key_offset elements behind that, its values value_offset. Behind the last row of
// int8 lie the scales of the block's rows, fp32 [block_tokens].
struct PagedHead {
  const void* const* blocks = nullptr;
  int64_t key_offset = 0;
  int64_t value_offset = 0;
  int64_t block_tokens = 0;  // a multiple of 16, at most kMaxBlockTokens; all of them are readable
  int64_t head_dim = 0;      // a multiple of 16, at most kMaxHeadDim
};
inline constexpr int64_t kMaxBlockTokens = 64;

// Attention of one token's query heads q [group, head_dim], which share one key/value head, over
// the tokens [begin, end); begin is the first of a block and below end. With s_t = scale * q . k_t:
// max [group] = max s_t, sum [group] = sum exp(s_t - max), out [group, head_dim] = sum
// exp(s_t - max) v_t. Sums in fp32; by pairs of bf16 (Zen 4) the weights exp(s_t - max) of the
// values are rounded to bf16. Parts of a context are joined by their max and sum.
using AttendPaged = void (*)(const PagedHead& kv, int64_t begin, int64_t end, const void* q,
                             int64_t group, float scale, float* out, float* max, float* sum);

// y[b, o] = sum_i w[o, i] * x[b, i] for o in [row_begin, row_end), fp32 sums block by block. x:
// fp32 [num_rows, in], any number of rows; y: fp32, rows `ldy` apart, y[., 0] belonging to
// row_begin. Each y depends on its own row of x only.
using Fp8Product = void (*)(const Fp8Matrix& w, int64_t row_begin, int64_t row_end, const float* x,
                            int64_t num_rows, float* y, int64_t ldy);
// n codes times `scale` as bf16, rounded to nearest even: exact where the scale is a power of two.
using Fp8ToBf16 = void (*)(const uint8_t* codes, int64_t n, float scale, uint16_t* out);

// Where a product of many rows goes: y [num_rows, out], rows `ldy` apart.
struct TileOutput {
  void* y = nullptr;
  bool is_bf16 = false;  // else fp32
  int64_t ldy = 0;
  const float* bias = nullptr;  // [out], added before rounding; null: none
};

// Products of many rows: as packed_int8, for padded groups of a multiple of `int8_step` inputs,
using TileInt8Product = void (*)(const PackedShape& shape, const std::byte* w, int64_t block_begin,
                                 int64_t block_end, const Int8Tiles& x, const TileOutput& out);
// and of bf16 activations, for a multiple of `bf16_step`: fp32 sums; the weights are rounded to
// bf16 where that is the operand (AMX).
using TileBf16Product = void (*)(const PackedShape& shape, const std::byte* w, int64_t block_begin,
                                 int64_t block_end, const Bf16Tiles& x, const TileOutput& out);

// The same with a weight as checkpoints hold it, bf16 [out, in] row after row, `in` a multiple of
// bf16_step, the tiles of x filled up to whole ones: the products of its blocks of 32 rows.
using TileRowsProduct = void (*)(const uint16_t* w, int64_t out, int64_t in, int64_t block_begin,
                                 int64_t block_end, const Bf16Tiles& x, const TileOutput& y);

// As gemv_bf16, for any number of rows of x and `in` a multiple of 32: sums in another order.
using TileRowsBf16 = void (*)(const uint16_t* w, int64_t row_begin, int64_t row_end, int64_t in,
                              const PairTiles& x, float* y, int64_t ldy);

// The rows of the tiles [tile_begin, tile_end) of x [num_rows, in], fp32 or bf16, as Int8Tiles: as
// quantize_row, for groups of a multiple of 64 inputs.
using QuantizeTiles = void (*)(const PackedShape& shape, const void* x, bool is_bf16,
                               int64_t num_rows, int64_t tile_begin, int64_t tile_end, int8_t* q,
                               float* scales, int32_t* sums);

// y = silu(x w_gate^T) * (x w_up^T) of two weights of one shape, as `int8` multiplies them; in fp32
// up to y, whose bias is not used.
using TileGatedProduct = void (*)(const PackedShape& shape, const std::byte* w_gate,
                                  const std::byte* w_up, int64_t block_begin, int64_t block_end,
                                  const Int8Tiles& x, const TileOutput& out);

struct TileProducts {
  QuantizeTiles quantize;  // null: none
  TileInt8Product int8;
  TileBf16Product bf16;  // null: none
  int64_t int8_step;
  int64_t bf16_step;
  TileGatedProduct int8_gated = nullptr;  // null: none
  TileRowsProduct rows = nullptr;         // null: none
  int64_t min_stored_rows = 0;            // of x from which on `rows` is faster than a library
};

// Products of at most kFewRows rows, at the speed of memory, for groups of a multiple of 64 inputs,
// at most kMaxFewRowsGroup. int8: the same bits as packed_int8. bf16: exact products of q and bf16
// activations, fp32 sums per group, then zero point and scale. Each y depends on its own row of x
// only.
inline constexpr int64_t kFewRows = 16;
inline constexpr int64_t kMaxFewRowsGroup = int64_t{1} << 13;  // of 4 bits; sums stay below 2^24
struct FewRowProducts {
  TileInt8Product int8;  // null: none
  TileBf16Product bf16;
  int64_t min_rows;  // that gain from the operands of tiles
};

struct KernelTable {
  std::string_view isa;
  GemvBf16 gemv_bf16;
  PackedInt8Product packed_int8;
  PackedFloatProduct packed_float;
  BlockToPairs block_to_pairs;
  QuantizeRow quantize_row;
  Fp8Product fp8_product;
  Fp8ToBf16 fp8_to_bf16;
  AttendPaged attend_bf16;                     // q, keys and values bf16
  AttendPaged attend_float;                    // and fp32
  AttendPaged attend_int8;                     // q bf16, keys and values int8
  const TileProducts* tiles = nullptr;         // null: none
  const FlashAttention* flash_bf16 = nullptr;  // null: none
  const FlashAttention* flash_float = nullptr;
  const FewRowProducts* few_rows = nullptr;  // null: none
  TileRowsBf16 tile_rows_bf16 = nullptr;     // null: none
};

// All sets built into this program, best first; `supported` tells whether this CPU can run it.
struct IsaRow {
  const KernelTable* table;
  bool supported;
};
std::span<const IsaRow> isa_rows();

// The best supported set, or the one named by $GLMV_FORCE_ISA. invalid_argument when that one is
// unknown or this CPU lacks it (the message lists the known ones).
Result<const KernelTable*> choose_kernels(std::string_view forced);

// The set in use: choose_kernels($GLMV_FORCE_ISA), decided at the first call. Throws InternalError
// when the variable names no usable set; programs check choose_kernels() at start.
const KernelTable& kernels();

// fp64 loops that every set is tested against.
const KernelTable& reference_kernels();

}  // namespace glmv::kernels
