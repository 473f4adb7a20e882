#include "glmv/quant/quantizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "glmv/quant/rounding.h"

namespace glmv::quant {
namespace {

// Inputs as in a language model: alike, with a few that are much larger.
at::Tensor activations(int64_t n, int64_t in, int64_t seed) {
  at::manual_seed(seed);
  at::Tensor x =
      at::matmul(at::randn({n, in / 4}), at::randn({in / 4, in})) / 4 + at::randn({n, in});
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

  ScaleSearch search(x, grid);
  search.add(w, x);
  const at::Tensor s = search.best();
  EXPECT_TRUE((s > 0).all().item<bool>());
  const at::Tensor scaled = dequantise(round_matrix(w * s, grid)) / s;
  EXPECT_LT(output_error(w, scaled, x), 0.8 * plain);

  const at::Tensor shrink = search_shrink(w, x, grid);
  EXPECT_LE(shrink.max().item<double>(), 1.0);
  EXPECT_LE(output_error(w, dequantise(round_matrix(w, grid, shrink)), x), plain);
}

// The definition, in fp64: an input is rounded, and what that changes spreads over those behind it
// by the inverse of the gram matrix of these alone.
at::Tensor gptq_by_definition(const at::Tensor& w_OI, const at::Tensor& gram_II,
                              const QuantGrid& grid) {
  at::Tensor h = gram_II.to(at::kDouble).clone();
  h.diagonal().add_(0.01 * h.diagonal().mean().item<double>());
  at::Tensor w = w_OI.to(at::kDouble).clone();
  QuantizedMatrix range;
  for (int64_t i = 0; i < w.size(1); ++i) {
    if (i % grid.group == 0) range = round_matrix(w.narrow(1, i, grid.group), grid);
    const at::Tensor scale = range.scales_OG.flatten(), zero = range.zeros_OG.flatten();
    const at::Tensor q = ((w.select(1, i) / scale).round() + zero).clamp(0, (1 << grid.bits) - 1);
    const at::Tensor rounded = (q - zero) * scale;
    const at::Tensor rest = h.narrow(0, i, h.size(0) - i).narrow(1, i, h.size(0) - i);
    const at::Tensor inverse = at::linalg_inv(rest);
    const at::Tensor change = (w.select(1, i) - rounded) / inverse[0][0];
    w.narrow(1, i, w.size(1) - i).sub_(change.unsqueeze(1) * inverse[0].unsqueeze(0));
    w.select(1, i).copy_(rounded);
  }
  return w;
}

TEST(Quantizer, GptqIsItsDefinition) {
  const at::Tensor x = activations(600, 192, 5);
  const at::Tensor gram = at::mm(x.t(), x);
  at::manual_seed(6);
  const at::Tensor w = at::randn({24, 192});
  for (const int64_t group : {32, 64}) {  // 192 inputs are more than one block
    const QuantGrid grid{.bits = 4, .group = group};
    const auto m = gptq(w, gram, grid);
    ASSERT_TRUE(m);
    const at::Tensor wanted = gptq_by_definition(w, gram, grid);
    // In fp32 a value near the middle of two steps may go the other way, and others with it.
    const at::Tensor same = (dequantise(*m) - wanted).abs() < 1e-3;
    EXPECT_GT(same.to(at::kFloat).mean().item<double>(), 0.97);
    EXPECT_NEAR(output_error(w, dequantise(*m), x) / output_error(w, wanted, x), 1.0, 0.02);
  }
}

TEST(Quantizer, ChangeOfRoundingIsThatOfTheRoundedMatrix) {
  at::manual_seed(7);
  const at::Tensor w = at::randn({37, 96});
  const at::Tensor s = at::rand({96}) + 0.5;
  for (const QuantGrid& grid :
       {QuantGrid{.bits = 4, .group = 32}, QuantGrid{.bits = 8, .group = 0},
        QuantGrid{.bits = 4, .group = 24, .symmetric = true, .scale_dtype = at::kBFloat16}}) {
    const int64_t num_groups = 96 / grid.group_of(96);
    const at::Tensor shrink = at::full({37, num_groups}, 0.8);
    const at::Tensor wanted = dequantise(round_matrix(w * s, grid, shrink)) / s - w;
    at::Tensor change;
    rounding_change(w, grid, s, 0.8F, change);
    EXPECT_LT((change - wanted).abs().max().item<double>(), 1e-5);
  }
}

TEST(Quantizer, ClippingIsTheBestOfItsSteps) {
  for (const int64_t num_rows : {16, 200}) {  // fewer and more rows than inputs in a group
    const at::Tensor x = activations(num_rows, 64, 8);
    const at::Tensor w = at::randn({9, 64});
    const QuantGrid grid{.bits = 4, .group = 64};
    const at::Tensor shrink = search_shrink(w, x, grid);
    const double found = output_error(w, dequantise(round_matrix(w, grid, shrink)), x);
    for (double factor = 1.0; factor > 0.5; factor -= 0.05) {
      const at::Tensor all = at::full({9, 1}, factor);
      EXPECT_LE(found, output_error(w, dequantise(round_matrix(w, grid, all)), x) + 1e-6);
    }
  }
}

TEST(Quantizer, FactorsThatLoseNothing) {
  const at::Tensor x = activations(64, 64, 9);
  ScaleSearch search(x, {.bits = 4, .group = 32}, true);
  search.add(at::randn({16, 64}), x);
  const at::Tensor s = search.best();
  EXPECT_GT(s.max().item<double>(), s.min().item<double>());
  EXPECT_TRUE(s.log2().equal(s.log2().round()));
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
