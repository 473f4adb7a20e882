#pragma once
// A Linear over float8 weights that stay one byte each.

#include "glmv/checkpoint/quant_config.h"
#include "glmv/quant/fp8_weight.h"
#include "glmv/quant/linear_method.h"

namespace glmv::quant {

// CPU only. `bias` may be undefined. Activations: kFloat is exact but for bf16 products of
// block-wise weights, which round the weight to bf16; kFp8 rounds every row of x to e4m3 with the
// scale max|x| / 448 (per token, per group, or the static one that the weight has) before the
// product. tensors() gives the dequantised weight in bf16.
Linear make_fp8(std::string name, Fp8Weight weight, at::Tensor bias,
                checkpoint::Activations activations);

}  // namespace glmv::quant
