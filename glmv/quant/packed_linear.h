#pragma once
// A Linear over a weight packed for our kernels (glmv/kernels/packed_weight.h).

#include "glmv/checkpoint/quant_config.h"
#include "glmv/quant/linear_method.h"
#include "glmv/quant/quantized_weight.h"

namespace glmv::quant {

using checkpoint::Activations;

// Packs `weight` (one pass, all threads) into `memory`, uint8 of num_bytes(), or into its own. CPU
// only. `bias` may be undefined. kFp8 is not for these weights.
// tensors() gives the dequantised weight in bf16.
Linear make_packed(std::string name, const QuantizedWeight& weight, at::Tensor bias,
                   Activations activations, at::Tensor memory = {});

}  // namespace glmv::quant
