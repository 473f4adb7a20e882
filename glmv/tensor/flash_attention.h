#pragma once
// Attention of many queries by the kernels of glmv/kernels/attention.h, on tensors.

#include <ATen/core/Tensor.h>

#include "glmv/kernels/attention.h"

namespace glmv::tensor {

// Whether this CPU has them and they take these queries and keys: bf16 or fp32, no gradients,
// head_dim even and at most 256, and enough queries to be worth packing the keys.
bool takes_flash_attention(const at::Tensor& q, const at::Tensor& keys);

// q [n, H, E]; keys, values [L, G, E], G dividing H; any strides but of the last dimension. Causal:
// query i sees the keys up to L - n + i. Returns [n, H, E], contiguous.
at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                           bool causal, double scale);
// By one kernel, of q's type: for measurements.
at::Tensor flash_attention(const kernels::FlashAttention& kernel, const at::Tensor& q,
                           const at::Tensor& keys, const at::Tensor& values, bool causal,
                           double scale);

}  // namespace glmv::tensor
