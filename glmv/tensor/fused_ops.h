#pragma once
// The elementwise operations between the matrix products in one pass each, for inference on the
// CPU: ATen's compositions read and write every value up to nine times. Rounded where those round,
// so that bf16 results are the same but for the order of sums.

#include <ATen/core/Tensor.h>

namespace glmv::tensor {

// CPU, bf16 or fp32, rows contiguous, no gradients.
bool takes_fused(const at::Tensor& x);

// As in ops.h. `weight` has the dtype of x.
at::Tensor fused_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// x [N, H, E] of any row strides; cos, sin [N, R/2] of one dtype, fp32 or that of x.
at::Tensor fused_rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                      bool interleaved);

// silu(gate) * up, bf16 only. Rows of any strides.
at::Tensor fused_swiglu(const at::Tensor& gate, const at::Tensor& up);

// The same of n values in fp32, rounded once; on the calling thread.
void swiglu_row(const float* gate, const float* up, int64_t n, uint16_t* bf16);
void swiglu_row(const float* gate, const float* up, int64_t n, float* y);

}  // namespace glmv::tensor
