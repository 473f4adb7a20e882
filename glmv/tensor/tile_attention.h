#pragma once
// Attention by the tile kernels of glmv/kernels/attention.h, on tensors.

#include <ATen/core/Tensor.h>

namespace glmv::tensor {

// Whether this CPU has them and they take these queries and keys: bf16, no gradients, head_dim a
// multiple of 32 up to 256, and enough queries to be worth packing the keys.
bool takes_tile_attention(const at::Tensor& q, const at::Tensor& keys);

// q [n, H, E]; keys, values [L, G, E], G dividing H; any strides but of the last dimension. Causal:
// query i sees the keys up to L - n + i. Returns [n, H, E], contiguous.
at::Tensor tile_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                          bool causal, double scale);

}  // namespace glmv::tensor
