#pragma once
// The only place with assumptions about devices and dtypes of computation.

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "glmv/base/result.h"
#include "glmv/checkpoint/dtype.h"

namespace glmv::tensor {

// "cpu", "cuda", "cuda:1", "npu:0". unsupported when this build or machine has no such device. The
// first "cuda" loads libtorch_cuda, where the torch that we were built with has it.
Result<at::Device> parse_device(const std::string& name);

// Free memory of a device that is not the CPU; none when it does not say.
std::optional<int64_t> free_memory_bytes(at::Device device);

// Waits until all work given to the device is done; the CPU's is at once.
void synchronize(at::Device device);

// "float32" | "bfloat16" | "float16" (and short forms fp32, bf16, fp16).
Result<at::ScalarType> parse_compute_dtype(const std::string& name);

// "float32", "bfloat16", ...: Hugging Face's spelling.
std::string dtype_text(at::ScalarType dtype);

at::ScalarType to_scalar_type(checkpoint::DType dtype);
checkpoint::DType from_scalar_type(at::ScalarType dtype);

}  // namespace glmv::tensor
