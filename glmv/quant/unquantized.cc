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

std::vector<std::string> with_suffix(std::vector<std::string> names, const std::string& suffix) {
  for (std::string& name : names) name += suffix;
  return names;
}

}  // namespace

Linear make_unquantized(std::string name, at::Tensor weight, at::Tensor bias) {
  return Linear(std::move(name),
                std::make_shared<UnquantizedLinear>(std::move(weight), std::move(bias)));
}

Result<Linear> load_linear(tensor::WeightSource& source, const LinearSpec& spec) {
  const auto take = [&](const std::string& suffix, at::IntArrayRef shape) {
    if (!spec.pieces.empty()) {
      return source.take_fused(spec.name + suffix, with_suffix(spec.pieces, suffix),
                               spec.piece_rows, shape);
    }
    if (!spec.sliced_from.empty()) {
      return source.take_or_slice(spec.name + suffix, spec.sliced_from + suffix, spec.slice_begin,
                                  shape);
    }
    return source.take(spec.name + suffix, shape);
  };
  GLMV_ASSIGN(at::Tensor weight, take(".weight", {spec.out, spec.in}));
  at::Tensor bias;
  if (spec.bias) {
    GLMV_ASSIGN(bias, take(".bias", {spec.out}));
  }
  return make_unquantized(spec.name, std::move(weight), std::move(bias));
}

}  // namespace glmv::quant
