#pragma once
// Packed weights times many rows, by ATen's brgemm (oneDNN's tile kernels: AMX, AVX-512): a block of
// 32 outputs is unpacked into the caches and multiplied by all rows before the next one.

#include <ATen/core/Tensor.h>

#include "glmv/kernels/packed_weight.h"

namespace glmv::quant {

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

}  // namespace glmv::quant
