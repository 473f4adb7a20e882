#include <algorithm>

#include "glmv/kernels/kernel_table.h"
#include "glmv/quant/linear_method.h"
#include "glmv/quant/tile_products.h"
#include "glmv/tensor/ops.h"

namespace glmv::quant {
namespace {

class UnquantizedLinear final : public LinearMethod, public RangeProduct {
 public:
  UnquantizedLinear(at::Tensor weight, at::Tensor bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  at::Tensor apply(const at::Tensor& x) const override { return tensor::linear(x, weight_, bias_); }

  std::vector<std::pair<std::string, at::Tensor>> tensors() const override {
    std::vector<std::pair<std::string, at::Tensor>> result = {{"weight", weight_}};
    if (bias_.defined()) result.emplace_back("bias", bias_);
    return result;
  }

  const RangeProduct* ranges(at::ScalarType x) const override {
    const bool suits = x == at::kBFloat16 && weight_.scalar_type() == x && weight_.is_cpu() &&
                       weight_.is_contiguous() && !bias_.defined();
    return suits ? this : nullptr;
  }
  int64_t in() const override { return weight_.size(1); }
  int64_t out() const override { return weight_.size(0); }

  OperandSpec operand(int64_t num_rows, at::ScalarType) const override {
    const bool many = num_rows >= kBf16TileRows && has_pair_tiles(in());
    return {many ? Layout::kPairTiles : Layout::kBf16, in()};
  }

  void multiply(const Operand& x, int64_t begin, int64_t end, float* y,
                int64_t ldy) const override {
    const auto* w = reinterpret_cast<const uint16_t*>(weight_.const_data_ptr<at::BFloat16>());
    if (x.layout == Layout::kPairTiles) {
      return multiply_pair_tiles(w + begin * in(), end - begin, in(), x.pair_tiles(), y, ldy);
    }
    multiply_bf16_rows(w + begin * in(), end - begin, in(), x.bf16(), x.num_rows, y, ldy);
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
