#pragma once
// Quantised matrices as published checkpoints hold them: the inverse of the readers.

#include <string>
#include <utility>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/quant/quantizer.h"

namespace glmv::quant {

// (suffix, tensor) pairs behind the name of a Linear.
using StoredTensors = std::vector<std::pair<std::string, at::Tensor>>;

// The formats that are written: "awq" (AutoAWQ gemm: 4 bits with zero points, outputs in eights)
// and "compressed-tensors" (pack-quantized).
Result<void> check_format(const std::string& format, const QuantGrid& grid);
// Whether a Linear [out, in] can be stored so.
bool fits_format(const std::string& format, const QuantGrid& grid, int64_t out, int64_t in);

StoredTensors stored_tensors(const std::string& format, const QuantizedMatrix& matrix,
                             const QuantGrid& grid);

// quantization_config of config.json; `kept`: names of the Linears that stay in floats.
Json quantization_config(const std::string& format, const QuantGrid& grid,
                         const std::vector<std::string>& kept);

}  // namespace glmv::quant
