#pragma once
// Products of many bf16 rows with a weight as checkpoints hold it, by our tile kernels.

#include <ATen/core/Tensor.h>

namespace glmv::tensor {

// Rows [n, in], bf16, as Bf16Tiles of glmv/kernels/packed_weight.h: [row tiles, in / 32 rounded up,
// 16, 32], rows and inputs that do not exist 0.
at::Tensor to_bf16_tiles(const at::Tensor& rows);

// Whether this CPU has such a kernel and it takes these: bf16, no gradients, enough rows.
bool takes_tile_linear(const at::Tensor& x, const at::Tensor& weight);

// x [..., in] * weight [out, in] transposed + bias (may be undefined), fp32 sums, result bf16.
at::Tensor tile_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace glmv::tensor
