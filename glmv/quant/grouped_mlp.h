#pragma once
// All experts of a mixture as one operation: tokens sorted by expert, one pass over the weights of
// each expert that a token chose, and one barrier per step instead of one per Linear.

#include <ATen/core/Tensor.h>

#include <span>

#include "glmv/quant/range_product.h"

namespace glmv::quant {

// gate and up [width, in], down [out, width].
struct GroupedExpert {
  const RangeProduct* gate = nullptr;
  const RangeProduct* up = nullptr;
  const RangeProduct* down = nullptr;
};

// y[n] = sum_k weights[n, k] * down_e(silu(gate_e x[n]) * up_e x[n]) with e = indices[n, k], fp32
// [N, out]. x [N, in] fp32 or bf16 on the CPU, indices [N, K] int64 in [0, E), weights [N, K] fp32.
// All experts have one shape. What is between gate and down is fp32, rounded once to x's dtype. A
// token's sum runs over its experts in their order, in fp32: it depends neither on the number of
// threads nor on other tokens, but that the number of tokens of an expert decides which kernel
// makes its products, and so the order of the sums in them.
at::Tensor grouped_mlp(std::span<const GroupedExpert> experts, const at::Tensor& x,
                       const at::Tensor& indices, const at::Tensor& weights);

}  // namespace glmv::quant
