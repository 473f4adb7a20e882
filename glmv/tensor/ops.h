#pragma once
// The operations of the models. Each picks its implementation by device, dtype and grad mode; all
// return by value and record the autograd graph when grad mode is on.
// Shape legend: N tokens, D width, H query heads, G key/value heads, E head dim, R rotary dims.

#include <ATen/core/Tensor.h>

#include <span>

namespace glmv::tensor {

// x [..., in] * weight [out, in] transposed + bias (may be undefined). bf16 rows in small numbers
// (decoding) and, where there are tiles, in large ones go to our own kernels, the rest to ATen.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// The same in fp32 without rounding x, weight or result, without a bias: scores of a router.
at::Tensor linear_fp32(const at::Tensor& x, const at::Tensor& weight);

// weight * cast(x / rms(x)): statistics in fp32, cast to x's dtype before the weight.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// silu(gate) * up.
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

// Rotation of the first R dims of x [N, H, E]; cos, sin [N, R/2]. Interleaved pairs (2i, 2i+1) or
// half-split pairs (i, i + R/2). Runs in the dtype of cos and sin; the result has x's dtype.
at::Tensor apply_rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                      bool interleaved);

// Attention inside runs of tokens laid end to end: q [N, H, E], k, v [N, G, E] -> [N, H, E].
// `lengths` sum to N. Softmax in fp32. causal: token i sees tokens <= i of its own run.
at::Tensor attention_runs(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          std::span<const int64_t> lengths, bool causal, double scale);

// The last n tokens of a sequence against all of it: q [n, H, E], keys and values [G, L, E]
// -> [n, H, E]. Query i sees keys <= L - n + i.
at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                            double scale);

// Versions of operations with a fused gradient, for fp32 on the CPU while grad mode is on. They
// need headers that only glmv/train may include, so it installs them (train/autograd_ops.h).
struct TrainingOps {
  at::Tensor (*rms_norm)(const at::Tensor& x, const at::Tensor& weight, double eps);
  at::Tensor (*apply_rope)(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                           bool interleaved);
};
void set_training_ops(const TrainingOps* ops);  // null: none

}  // namespace glmv::tensor
