#pragma once

#include <cstdint>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv::checkpoint {

// Element types of safetensors files.
enum class DType {
  kBool,
  kU8,
  kI8,
  kI16,
  kU16,
  kI32,
  kU32,
  kI64,
  kU64,
  kF8E4M3,
  kF8E5M2,
  kF16,
  kBF16,
  kF32,
  kF64
};

int64_t dtype_size(DType dtype);
std::string_view dtype_name(DType dtype);  // "BF16", as in the file
Result<DType> parse_dtype(std::string_view name);

}  // namespace glmv::checkpoint
