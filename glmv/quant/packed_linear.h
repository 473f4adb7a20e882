#pragma once
// A Linear over a weight packed for our kernels (glmv/kernels/packed_weight.h).

#include "glmv/quant/linear_method.h"
#include "glmv/quant/quantized_weight.h"

namespace glmv::quant {

enum class Activations {
  kFloat,  // exact: fp32 sums of the activations as they are
  kInt8,   // rounded to int8 per token and group of inputs: faster
};

// Packs `weight` (one pass, all threads) and lets go of it. CPU only. `bias` may be undefined.
// tensors() gives the dequantised weight in bf16.
Linear make_packed(std::string name, const QuantizedWeight& weight, at::Tensor bias,
                   Activations activations);

}  // namespace glmv::quant
