// The fused gradients against those that autograd makes of plain operations.

#include "glmv/train/autograd_ops.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "glmv/tensor/ops.h"

namespace glmv::train {
namespace {

double max_abs(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

class AutogradOps : public testing::Test {
 protected:
  ~AutogradOps() override { tensor::set_training_ops(nullptr); }

  // Value and gradients of `run` over `inputs`, without and with the fused versions.
  template <class Run>
  static void compare(const std::vector<at::Tensor>& inputs, Run run) {
    std::vector<std::vector<at::Tensor>> results;
    for (bool fused : {false, true}) {
      tensor::set_training_ops(nullptr);
      if (fused) install_training_ops();
      std::vector<at::Tensor> leaves;
      for (const at::Tensor& input : inputs) {
        leaves.push_back(input.detach().clone().requires_grad_());
      }
      const at::Tensor out = run(leaves);
      at::manual_seed(9);
      (out * at::randn(out.sizes())).sum().backward();
      std::vector<at::Tensor> result = {out};
      for (const at::Tensor& leaf : leaves) result.push_back(leaf.grad());
      results.push_back(std::move(result));
    }
    for (size_t i = 0; i < results[0].size(); ++i) {
      const double size = results[0][i].abs().max().item<double>();
      EXPECT_LE(max_abs(results[0][i], results[1][i]), 2e-6 * std::max(1.0, size)) << i;
    }
  }
};

TEST_F(AutogradOps, RmsNorm) {
  at::manual_seed(1);
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{1, 7}, {300, 192}, {1000, 256}, {5, 3, 40}}) {
    const at::Tensor x = at::randn(shape);
    const at::Tensor weight = at::randn({shape.back()});
    compare({x, weight},
            [](const std::vector<at::Tensor>& in) { return tensor::rms_norm(in[0], in[1], 1e-5); });
    // Rows that do not lie end to end.
    compare({at::randn({shape.back(), 33}), weight}, [](const std::vector<at::Tensor>& in) {
      return tensor::rms_norm(in[0].t(), in[1], 1e-5);
    });
  }
}

TEST_F(AutogradOps, Rope) {
  at::manual_seed(2);
  for (bool interleaved : {false, true}) {
    for (int64_t half : {4, 16, 24}) {
      const at::Tensor angles = at::randn({50, half});
      compare({at::randn({50, 3, 3, 48})}, [&](const std::vector<at::Tensor>& in) {
        // A slice of joint queries, keys and values, as in the vision tower.
        return tensor::apply_rope(in[0].select(1, 1), angles.cos(), angles.sin(), interleaved);
      });
    }
  }
}

}  // namespace
}  // namespace glmv::train
