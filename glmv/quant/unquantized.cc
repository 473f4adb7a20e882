#include "glmv/quant/linear_method.h"
#include "glmv/tensor/ops.h"

namespace glmv::quant {
namespace {

class UnquantizedLinear final : public LinearMethod {
 public:
  UnquantizedLinear(at::Tensor weight, at::Tensor bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  at::Tensor apply(const at::Tensor& x) const override { return tensor::linear(x, weight_, bias_); }

  std::vector<std::pair<std::string, at::Tensor>> tensors() const override {
    std::vector<std::pair<std::string, at::Tensor>> result = {{"weight", weight_}};
    if (bias_.defined()) result.emplace_back("bias", bias_);
    return result;
  }

 private:
  at::Tensor weight_;  // [out, in]
  at::Tensor bias_;    // [out], or undefined
};

}  // namespace

at::Tensor LinearMethod::apply_gated(const LinearMethod& up, const at::Tensor& x) const {
  return tensor::swiglu(apply(x), up.apply(x));
}

Linear make_unquantized(std::string name, at::Tensor weight, at::Tensor bias) {
  return Linear(std::move(name),
                std::make_shared<UnquantizedLinear>(std::move(weight), std::move(bias)));
}

}  // namespace glmv::quant
