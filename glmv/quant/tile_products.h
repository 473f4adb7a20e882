#pragma once
// Packed weights times rows: our own kernels by AMX tiles or vectors; bf16 on CPUs with bf16
// vectors but no tiles by ATen's brgemm (oneDNN's kernels).

#include <ATen/core/Tensor.h>

#include "glmv/kernels/fp8_matrix.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/kernels/packed_weight.h"

namespace glmv::quant {

// Whether this CPU has kernels for bf16 operands.
bool has_bf16_products();
// Whether tiles multiply so many rows, and faster than the kernels of vectors.
bool takes_int8_tiles(const kernels::PackedShape& shape, int64_t num_rows);
bool takes_bf16_tiles(const kernels::PackedShape& shape, int64_t num_rows);

// y [rows, out], fp32 or bf16, = x w^T + bias. `x`: bf16 [rows, in]; `bias`: fp32 [out], or
// undefined. By tiles, up to kFewRows rows: exact products, the same bits for a row whatever the
// others; more: the weights are rounded to bf16 where that is the operand. fp32 sums.
void multiply_bf16_tiles(const kernels::PackedShape& shape, const std::byte* w, const at::Tensor& x,
                         const at::Tensor& bias, const at::Tensor& y);

// The same with x [rows, in], fp32 or bf16, rounded to int8 per row and group, and integer sums per
// group.
void multiply_int8_tiles(const kernels::PackedShape& shape, const std::byte* w, const at::Tensor& x,
                         const at::Tensor& bias, const at::Tensor& y);

// y = silu(x w_gate^T) * (x w_up^T), the same way, where takes_gated_tiles.
bool takes_gated_tiles(const kernels::PackedShape& shape, int64_t num_rows);
void multiply_gated_tiles(const kernels::PackedShape& shape, const std::byte* w_gate,
                          const std::byte* w_up, const at::Tensor& x, const at::Tensor& y);

// The same for the blocks [begin, end) of 32 rows of w on the calling thread, from activations that
// are laid out already: tiles, with sums where the rows may be few, or without own tiles for bf16
// (has_own_bf16_tiles()) bf16 [num_rows, padded_in].
void multiply_int8_blocks(const kernels::PackedShape& shape, const std::byte* w, int64_t begin,
                          int64_t end, const kernels::Int8Tiles& x, const kernels::TileOutput& out);
void multiply_bf16_blocks(const kernels::PackedShape& shape, const std::byte* w, int64_t begin,
                          int64_t end, const kernels::Bf16Tiles& x, const kernels::TileOutput& out);
void multiply_by_brgemm(const kernels::PackedShape& shape, const std::byte* w, int64_t begin,
                        int64_t end, const uint16_t* x, int64_t num_rows,
                        const kernels::TileOutput& out);
bool has_own_bf16_tiles(const kernels::PackedShape& shape);

// Weights in bf16 are operands already: so few rows pay.
inline constexpr int64_t kBf16TileRows = 4;
bool has_pair_tiles(int64_t in);
// y [x.num_rows, rows] = x w^T, fp32, rows `ldy` apart; w: bf16 [rows, in]. On the calling thread.
void multiply_pair_tiles(const uint16_t* w, int64_t rows, int64_t in, const kernels::PairTiles& x,
                         float* y, int64_t ldy);
// The same for the rows [begin, end) of w; y[., 0] belongs to `begin`. Weights with one scale a row
// are exact (the sums are scaled), others are rounded to bf16.
void multiply_fp8_pair_tiles(const kernels::Fp8Matrix& w, int64_t begin, int64_t end,
                             const kernels::PairTiles& x, float* y, int64_t ldy);
// The same where there are no pair tiles; x: bf16 [num_rows, in].
void multiply_fp8_rows(const kernels::Fp8Matrix& w, int64_t begin, int64_t end, const uint16_t* x,
                       int64_t num_rows, float* y, int64_t ldy);
// y = x w^T as gemv_bf16 has it, for any number of rows of x; w: bf16 [rows, in].
void multiply_bf16_rows(const uint16_t* w, int64_t rows, int64_t in, const uint16_t* x,
                        int64_t num_rows, float* y, int64_t ldy);

// x w^T in fp32 [rows, out], column after column. `x`: bf16 [rows, in]. Weights with one scale a
// row are exact (the sums are scaled), others are rounded to bf16.
at::Tensor multiply_fp8_tiles(const kernels::Fp8Matrix& w, int64_t out, const at::Tensor& x);

}  // namespace glmv::quant
