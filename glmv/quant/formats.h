#pragma once
// Readers of quantised weights; formats.cc has the table that chooses among them.

#include <string>
#include <variant>

#include "glmv/quant/fp8_weight.h"
#include "glmv/quant/linear_method.h"
#include "glmv/quant/quantized_weight.h"
#include "glmv/tensor/from_checkpoint.h"

namespace glmv::quant {

// One Linear called `name`. Shapes come from the tensors; a mismatch among them, a wrong dtype or a
// scale that is no number is an invalid_argument that names the tensor.
Result<QuantizedWeightPtr> read_awq(tensor::WeightSource& source, const std::string& name);
Result<QuantizedWeightPtr> read_pack_quantized(tensor::WeightSource& source,
                                               const std::string& name);
Result<Fp8WeightPtr> read_fp8(tensor::WeightSource& source, const std::string& name);
// GGUF's blocks.
Result<QuantizedWeightPtr> read_q4_0(tensor::WeightSource& source, const std::string& name);
Result<QuantizedWeightPtr> read_q8_0(tensor::WeightSource& source, const std::string& name);
Result<QuantizedWeightPtr> read_q4_k(tensor::WeightSource& source, const std::string& name);
Result<QuantizedWeightPtr> read_q6_k(tensor::WeightSource& source, const std::string& name);

// A weight as its format holds it; nothing when the file holds the Linear in floats.
using StoredWeight = std::variant<std::monostate, QuantizedWeightPtr, Fp8WeightPtr>;

// The weight of `spec` in the format of the checkpoint.
Result<StoredWeight> read_quantized(tensor::WeightSource& source, const LinearSpec& spec);

Result<void> check_finite(const at::Tensor& values, const std::string& name);

}  // namespace glmv::quant
