#pragma once
// Shared by the tests of this folder.

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "glmv/quant/linear_method.h"
#include "glmv/tensor/device.h"

namespace glmv::quant {

// Tensors as if read from a file.
class Tensors {
 public:
  void add(const std::string& name, const at::Tensor& tensor) {
    kept_.push_back(tensor.contiguous());
    const at::Tensor& t = kept_.back();
    weights_.tensors[name] = {tensor::from_scalar_type(t.scalar_type()),
                              t.sizes().vec(),
                              {static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()},
                              nullptr};
  }
  void mark_gguf() { weights_.is_gguf = true; }
  tensor::WeightSource source(checkpoint::QuantMethod method = checkpoint::QuantMethod::kNone,
                              int bits = 0, int quantize_bits = 0) const {
    return {&weights_,
            {.dtype = at::kFloat, .quantization = {method, bits}, .quantize_bits = quantize_bits}};
  }
  tensor::WeightSource source(tensor::WeightSource::Options options) const {
    return {&weights_, options};
  }

 private:
  std::vector<at::Tensor> kept_;
  checkpoint::Weights weights_;
};

inline at::Tensor dequantised(const Linear& linear) {
  return linear.method().tensors().front().second.to(at::kFloat);
}

inline double relative_error(const at::Tensor& got, const at::Tensor& want) {
  return (got - want).norm().item<double>() / want.norm().item<double>();
}

}  // namespace glmv::quant
