#include "glmv/tensor/device.h"

#include <ATen/Context.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <algorithm>

#include "glmv/base/check.h"

namespace glmv::tensor {
namespace {

using checkpoint::DType;

struct DTypeRow {
  DType dtype;
  at::ScalarType scalar;
};

constexpr DTypeRow kDTypes[] = {
    {DType::kBool, at::kBool},
    {DType::kU8, at::kByte},
    {DType::kI8, at::kChar},
    {DType::kI16, at::kShort},
    {DType::kU16, at::kUInt16},
    {DType::kI32, at::kInt},
    {DType::kU32, at::kUInt32},
    {DType::kI64, at::kLong},
    {DType::kU64, at::kUInt64},
    {DType::kF16, at::kHalf},
    {DType::kBF16, at::kBFloat16},
    {DType::kF32, at::kFloat},
    {DType::kF64, at::kDouble},
    {DType::kF8E4M3, at::kFloat8_e4m3fn},
    {DType::kF8E5M2, at::kFloat8_e5m2},
};

// Kernels and hooks of CUDA register themselves when their library is loaded. It is not linked: the
// same program then starts on machines and with wheels that have none, and the CPU pays nothing.
// ATen looks for the hooks once, so nothing may ask for CUDA before this.
Result<void> load_cuda() {
  static const std::string problem = [] {
    if (::dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr) return std::string();
    const char* text = ::dlerror();
    return std::string(text != nullptr ? text : "libtorch_cuda.so cannot be loaded");
  }();
  if (problem.empty()) return {};
  return unsupported(
      "device \"cuda\": libtorch_cuda could not be loaded ({}); build with torch's CUDA "
      "wheel and its libraries (docs/devices.md), or use --device cpu",
      problem);
}

Result<at::Device> cuda_device(const std::string& name, int index) {
  GLMV_RETURN_IF_ERROR(load_cuda());
  const int count = at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (count == 0) {
    return unsupported(
        "device \"{}\": no CUDA device is usable here (nvidia-smi shows those that "
        "the driver knows); use --device cpu",
        name);
  }
  if (index >= count) {
    return unsupported("device \"{}\": this machine has {} CUDA device{}, the last is cuda:{}",
                       name, count, count == 1 ? "" : "s", count - 1);
  }
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace

Result<at::Device> parse_device(const std::string& name) {
  const size_t colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  int index = -1;
  if (colon != std::string::npos) {
    const std::string digits = name.substr(colon + 1);
    if (digits.empty() || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      return invalid_argument("device \"{}\": the index must be a number, as in cuda:0", name);
    }
    index = std::stoi(digits);
  }
  if (kind == "cpu") return at::Device(at::kCPU);
  if (kind == "cuda") return cuda_device(name, std::max(index, 0));
  if (kind == "npu") {
    if (!at::isPrivateUse1HooksRegistered()) {
      return unsupported("device \"{}\": no NPU plug-in is loaded; use --device cpu", name);
    }
    return at::Device(at::kPrivateUse1, static_cast<c10::DeviceIndex>(index < 0 ? 0 : index));
  }
  return invalid_argument("unknown device \"{}\"; known: cpu, cuda[:i], npu[:i]", name);
}

std::optional<int64_t> free_memory_bytes(at::Device device) {
  auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  if (allocator == nullptr) return std::nullopt;
  try {
    at::globalContext().lazyInitDevice(device.type());
    return static_cast<int64_t>(allocator->getMemoryInfo(device.index()).first);
  } catch (const c10::Error&) {  // an allocator that cannot tell, or a device in a bad state
    return std::nullopt;
  }
}

void synchronize(at::Device device) {
  if (device.is_cpu()) return;
  c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

Result<at::ScalarType> parse_compute_dtype(const std::string& name) {
  if (name == "float32" || name == "fp32") return at::kFloat;
  if (name == "bfloat16" || name == "bf16") return at::kBFloat16;
  if (name == "float16" || name == "fp16") return at::kHalf;
  return invalid_argument("unknown dtype \"{}\"; known: auto, float32, bfloat16, float16", name);
}

std::string dtype_text(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "float32";
    case at::kBFloat16:
      return "bfloat16";
    case at::kHalf:
      return "float16";
    default:
      return at::toString(dtype);
  }
}

at::ScalarType to_scalar_type(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row.scalar;
  }
  GLMV_CHECK(false, "dtype without a row");
}

DType from_scalar_type(at::ScalarType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.scalar == dtype) return row.dtype;
  }
  GLMV_CHECK(false, "scalar type {} cannot be stored in safetensors", at::toString(dtype));
}

}  // namespace glmv::tensor
