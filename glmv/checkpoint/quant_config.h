#pragma once
// The quantization_config of a checkpoint: by which method its Linears are stored.

#include "glmv/base/json.h"

namespace glmv::checkpoint {

enum class QuantMethod {
  kNone,
  kAwq,
  kPackQuantized,
  kFp8,
  kGguf,  // never in a config.json: the files are GGUF
};

struct QuantConfig {
  QuantMethod method = QuantMethod::kNone;
  int bits = 0;  // of a weight
  // kFp8: outputs and inputs that share a scale; 0: not in blocks.
  int64_t block_rows = 0;
  int64_t block_columns = 0;
  // kFp8: inputs that share a scale of the activations; 0: all of a token.
  int64_t activation_group = 0;

  bool operator==(const QuantConfig&) const = default;
};

// What meets a quantised weight in a product.
enum class Activations {
  kFloat,  // as they are: exact
  kInt8,   // rounded to int8 per token and group of inputs (integer weights): faster
  kFp8,    // rounded to float8 per token (float8 weights): what GPUs compute
};

// Null: kNone. unsupported, with the known ones, for a method, version or number of bits that is
// not read here. Which Linears are quantised is decided by the tensors that are there.
Result<QuantConfig> parse_quant_config(const Json& quantization);

}  // namespace glmv::checkpoint
