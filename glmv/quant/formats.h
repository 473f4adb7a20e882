#pragma once
// Readers of quantised weights; formats.cc has the table that chooses among them.

#include <string>

#include "glmv/quant/linear_method.h"
#include "glmv/quant/quantized_weight.h"
#include "glmv/tensor/from_checkpoint.h"

namespace glmv::quant {

// One Linear called `name`. Shapes come from the tensors; a mismatch among them, a wrong dtype or a
// scale that is no number is an invalid_argument that names the tensor.
Result<QuantizedWeightPtr> read_awq(tensor::WeightSource& source, const std::string& name,
                                    int bits);
Result<QuantizedWeightPtr> read_pack_quantized(tensor::WeightSource& source,
                                               const std::string& name, int bits);

// The weight of `spec` in the format of the checkpoint. Null when the file holds this Linear in
// floats.
Result<QuantizedWeightPtr> read_quantized(tensor::WeightSource& source, const LinearSpec& spec);

Result<void> check_finite(const at::Tensor& values, const std::string& name);

}  // namespace glmv::quant
