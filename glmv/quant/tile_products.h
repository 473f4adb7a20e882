#pragma once
// Packed weights times many rows, by tiles: our own AMX kernels where this CPU has them, for bf16
// else ATen's brgemm (oneDNN's kernels for AVX-512 with bf16).

#include <ATen/core/Tensor.h>

#include "glmv/kernels/fp8_matrix.h"
#include "glmv/kernels/packed_weight.h"

namespace glmv::quant {

// From so many rows on, making operands of a block for tile products costs less than it saves.
inline constexpr int64_t kTileRows = 16;

// Whether this CPU has kernels for bf16 operands.
bool has_bf16_products();
bool has_int8_tiles(const kernels::PackedShape& shape);
bool has_bf16_tiles(const kernels::PackedShape& shape);

// y [rows, out], fp32 or bf16, = x w^T + bias. `x`: bf16 [rows, in]; `bias`: fp32 [out], or undefined.
// The weights are rounded to bf16, sums are fp32.
void multiply_bf16_tiles(const kernels::PackedShape& shape, const std::byte* w, const at::Tensor& x,
                         const at::Tensor& bias, const at::Tensor& y);

// The same with x [rows, in], fp32 or bf16, rounded to int8 per row and group, and integer sums per
// group.
void multiply_int8_tiles(const kernels::PackedShape& shape, const std::byte* w, const at::Tensor& x,
                         const at::Tensor& bias, const at::Tensor& y);

// x w^T in fp32 [rows, out], column after column. `x`: bf16 [rows, in]. Weights with one scale a
// row are exact (the sums are scaled), others are rounded to bf16.
at::Tensor multiply_fp8_tiles(const kernels::Fp8Matrix& w, int64_t out, const at::Tensor& x);

}  // namespace glmv::quant
