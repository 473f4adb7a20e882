#include "glmv/quant/quantizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace glmv::quant {
namespace {

// Inputs as in a language model: alike, with a few that are much larger.
at::Tensor activations(int64_t n, int64_t in, int64_t seed) {
  at::manual_seed(seed);
  at::Tensor x = at::matmul(at::randn({n, in / 4}), at::randn({in / 4, in})) / 4 + at::randn({n, in});
  x.narrow(1, 3, 2).mul_(30);
  return x;
}

TEST(Quantizer, RoundingIsWithinHalfAStep) {
  at::manual_seed(1);
  const at::Tensor w = at::randn({6, 256});
  for (const QuantGrid& grid :
       {QuantGrid{.bits = 4, .group = 64}, QuantGrid{.bits = 8, .group = 0, .symmetric = true},
        QuantGrid{.bits = 4, .group = 128, .symmetric = true, .scale_dtype = at::kBFloat16}}) {
    const QuantizedMatrix m = round_matrix(w, grid);
    EXPECT_EQ(m.scales_OG.size(1), 256 / grid.group_of(256));
    EXPECT_TRUE(m.scales_OG.to(grid.scale_dtype).to(at::kFloat).equal(m.scales_OG));
    const at::Tensor step = m.scales_OG.repeat_interleave(grid.group_of(256), 1);
    // The stored scale is rounded: at the ends of the range a little more than half a step.
    EXPECT_TRUE(((dequantise(m) - w).abs() <= step * 0.56).all().item<bool>());
    if (grid.symmetric) {
      EXPECT_TRUE((m.zeros_OG == 1 << (grid.bits - 1)).all().item<bool>());
    }
  }
}

TEST(Quantizer, ZeroAndConstantRows) {
  at::Tensor w = at::zeros({3, 64});
  w[1].fill_(0.7);
  w[2].fill_(-0.7);
  const QuantizedMatrix m = round_matrix(w, {.bits = 4, .group = 32});
  EXPECT_LT((dequantise(m) - w).abs().max().item<double>(), 1e-3);
}

TEST(Quantizer, GptqAndAwqLoseLessThanRounding) {
  const at::Tensor x = activations(512, 128, 2);
  at::manual_seed(3);
  const at::Tensor w = at::randn({96, 128});
  const QuantGrid grid{.bits = 4, .group = 32};
  const double plain = output_error(w, dequantise(round_matrix(w, grid)), x);

  const auto by_gptq = gptq(w, at::mm(x.t(), x), grid);
  ASSERT_TRUE(by_gptq) << by_gptq.error().message;
  EXPECT_LT(output_error(w, dequantise(*by_gptq), x), 0.6 * plain);

  const std::vector<at::Tensor> weights = {w};
  const at::Tensor s = search_input_scales(weights, x, grid);
  EXPECT_TRUE((s > 0).all().item<bool>());
  const at::Tensor scaled = dequantise(round_matrix(w * s, grid)) / s;
  EXPECT_LT(output_error(w, scaled, x), 0.8 * plain);

  const at::Tensor shrink = search_shrink(w, x, grid);
  EXPECT_LE(shrink.max().item<double>(), 1.0);
  EXPECT_LE(output_error(w, dequantise(round_matrix(w, grid, shrink)), x), plain);
}

// With uncorrelated inputs no column can take up the error of another.
TEST(Quantizer, GptqWithoutCorrelationIsRounding) {
  at::manual_seed(4);
  const at::Tensor w = at::randn({5, 160});
  const QuantGrid grid{.bits = 4, .group = 32};
  const auto m = gptq(w, at::eye(160), grid, 0.0);
  ASSERT_TRUE(m);
  EXPECT_TRUE(m->q_OI.equal(round_matrix(w, grid).q_OI));
}

TEST(Quantizer, GptqNeedsSamples) {
  const at::Tensor w = at::randn({4, 64});
  EXPECT_FALSE(gptq(w, at::full({64, 64}, NAN), {.bits = 4, .group = 32}));
  EXPECT_FALSE(gptq(w, -at::eye(64), {.bits = 4, .group = 32}, 0.0));
}

}  // namespace
}  // namespace glmv::quant
