#pragma once
// The quantization_config of a checkpoint: by which method its Linears are stored.

#include "glmv/base/json.h"

namespace glmv::checkpoint {

enum class QuantMethod { kNone, kAwq, kPackQuantized };

struct QuantConfig {
  QuantMethod method = QuantMethod::kNone;
  int bits = 0;  // of a weight
};

// Null: kNone. unsupported, with the known ones, for a method, version or number of bits that is
// not read here. Which Linears are quantised is decided by the tensors that are there.
Result<QuantConfig> parse_quant_config(const Json& quantization);

}  // namespace glmv::checkpoint
