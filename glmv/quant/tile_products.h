#pragma once
// Packed weights times many rows, by ATen's brgemm (oneDNN's tile kernels: AMX, AVX-512): a block of
// 32 outputs is unpacked into the caches and multiplied by all rows before the next one.

#include <ATen/core/Tensor.h>

#include "glmv/kernels/fp8_matrix.h"
#include "glmv/kernels/packed_weight.h"

namespace glmv::quant {

// From so many rows on, unpacking a block for tile products costs less than it saves.
inline constexpr int64_t kTileRows = 16;

// Whether this CPU has kernels for bf16 operands.
bool has_bf16_products();
// Whether its tile kernels are faster than our own integer products: with AMX. int8: for weights with
// one group a row; with more, scaling the sums of every group costs more than bf16 products.
bool bf16_tiles_beat_int8(const kernels::PackedShape& shape);
bool int8_tiles_beat_int8(const kernels::PackedShape& shape);

// y [rows, out] fp32 = x w^T. `x`: bf16 [rows, padded_in], every group padded with zeros. The
// weights are rounded to bf16, sums are fp32.
void multiply_bf16_tiles(const kernels::PackedShape& shape, const std::byte* w, const at::Tensor& x,
                         const at::Tensor& y);

// The same with integer sums per group.
void multiply_int8_tiles(const kernels::PackedShape& shape, const std::byte* w,
                         const kernels::Int8Rows& x, const at::Tensor& y);

// x w^T in fp32 [rows, out], column after column. `x`: bf16 [rows, in]. Weights with one scale a
// row are exact (the sums are scaled), others are rounded to bf16.
at::Tensor multiply_fp8_tiles(const kernels::Fp8Matrix& w, int64_t out, const at::Tensor& x);

}  // namespace glmv::quant
