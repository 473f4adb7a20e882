#include "glmv/quant/fp8_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <limits>

#include "glmv/kernels/kernel_table.h"
#include "glmv/quant/tile_products.h"

namespace glmv::quant {
namespace {

// From so many rows on, decoding a block for tile products costs less than it saves.
constexpr int64_t kManyRows = 16;

using checkpoint::Activations;
using kernels::Fp8Matrix;

// Rows of the weight that one task handles.
constexpr int64_t kRowsPerTask = 32;

class Fp8Linear final : public LinearMethod, public RangeProduct {
 public:
  Fp8Linear(Fp8Weight weight, at::Tensor bias, Activations activations)
      : weight_(std::move(weight)), activations_(activations) {
    if (bias.defined()) bias_ = bias.to(at::kFloat);
  }

  at::Tensor apply(const at::Tensor& x) const override {
    at::Tensor rows = x.reshape({-1, weight_.in()});
    at::Tensor row_scales;
    if (activations_ == Activations::kFp8) rows = round_rows(rows, row_scales);
    at::Tensor y = multiply(rows);
    if (row_scales.defined()) y = y * row_scales;
    if (bias_.defined()) y = y + bias_;
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes.back() = weight_.out();
    return y.to(x.scalar_type()).contiguous().view(sizes);
  }

  std::vector<std::pair<std::string, at::Tensor>> tensors() const override {
    std::vector<std::pair<std::string, at::Tensor>> out = {
        {"weight", dequantise(weight_).to(at::kBFloat16)}};
    if (bias_.defined()) out.emplace_back("bias", bias_.to(at::kBFloat16));
    return out;
  }

  const RangeProduct* ranges(at::ScalarType) const override {
    return activations_ == Activations::kFloat && !bias_.defined() ? this : nullptr;
  }
  int64_t in() const override { return weight_.in(); }
  int64_t out() const override { return weight_.out(); }

  OperandSpec operand(int64_t num_rows, at::ScalarType x) const override {
    Layout layout = Layout::kFloat;
    if (num_rows >= kManyRows && x == at::kBFloat16) {
      layout = has_pair_tiles(weight_.in()) ? Layout::kPairTiles : Layout::kBf16;
    }
    return {layout, weight_.in()};
  }

  void multiply(const Operand& x, int64_t begin, int64_t end, float* y,
                int64_t ldy) const override {
    const Fp8Matrix w = matrix();
    if (x.layout == Layout::kPairTiles) {
      return multiply_fp8_pair_tiles(w, begin, end, x.pair_tiles(), y, ldy);
    }
    if (x.layout == Layout::kBf16) {
      return multiply_fp8_rows(w, begin, end, x.bf16(), x.num_rows, y, ldy);
    }
    const kernels::FloatRows rows = x.float_rows();
    kernels::kernels().fp8_product(w, begin, end, rows.x, rows.num_rows, y, ldy);
  }

 private:
  Fp8Matrix matrix() const {
    return {static_cast<const uint8_t*>(weight_.codes.const_data_ptr()),
            weight_.scales.const_data_ptr<float>(), weight_.in(), weight_.block};
  }

  // fp32 [n, out], in any strides.
  at::Tensor multiply(const at::Tensor& rows) const {
    const int64_t n = rows.size(0);
    const Fp8Matrix w = matrix();
    const OperandRun run = {operand(n, rows.scalar_type()), 0, n};
    if (run.spec.layout != Layout::kFloat && has_bf16_products()) {
      return multiply_fp8_tiles(w, weight_.out(), rows);
    }
    const int64_t out = weight_.out();
    const at::Tensor y = at::empty({n, out}, at::kFloat);
    if (n == 0) return y;
    const Operands operands(rows, {&run, 1});
    const int64_t num_tasks = (out + kRowsPerTask - 1) / kRowsPerTask;
    at::parallel_for(0, num_tasks, 1, [&](int64_t begin, int64_t end) {
      begin *= kRowsPerTask;
      end = std::min(end * kRowsPerTask, out);
      multiply(operands[0], begin, end, y.mutable_data_ptr<float>() + begin, out);
    });
    return y;
  }

  // x in steps of e4m3. With one scale per row the values themselves, exact in bf16, and their
  // scales; with one per group the scaled values.
  at::Tensor round_rows(const at::Tensor& x, at::Tensor& row_scales) const {
    const int64_t group = weight_.input_group;
    const bool in_groups = group > 0 && group < weight_.in() && weight_.in() % group == 0;
    at::Tensor values = x.to(at::kFloat);
    if (in_groups) values = values.view({x.size(0), -1, group});
    at::Tensor scales;
    if (weight_.input_scale > 0) {
      scales = at::full({1}, weight_.input_scale);
    } else {
      scales = (values.abs().amax(-1, true) / kernels::kFp8Max)
                   .clamp_min(std::numeric_limits<float>::epsilon());
    }
    const at::Tensor rounded = (values / scales)
                                   .clamp(-kernels::kFp8Max, kernels::kFp8Max)
                                   .to(at::kFloat8_e4m3fn)
                                   .to(at::kFloat);
    if (in_groups) return (rounded * scales).view(x.sizes()).to(x.scalar_type());
    row_scales = scales;
    return rounded.to(x.scalar_type());
  }

  Fp8Weight weight_;
  at::Tensor bias_;  // fp32 [out], or undefined
  Activations activations_;
};

}  // namespace

Linear make_fp8(std::string name, Fp8Weight weight, at::Tensor bias, Activations activations) {
  return Linear(std::move(name),
                std::make_shared<Fp8Linear>(std::move(weight), std::move(bias), activations));
}

}  // namespace glmv::quant
