// float8 weights: published values, every kind of scale, products against the dequantised weight.

#include "glmv/quant/fp8_linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "glmv/quant/formats.h"
#include "glmv/quant/tensors_for_test.h"

namespace glmv::quant {
namespace {

using checkpoint::Activations;
using checkpoint::QuantConfig;
using checkpoint::QuantMethod;
using testing::HasSubstr;

const QuantConfig kChannel{QuantMethod::kFp8, 8};

at::Tensor random_codes(at::IntArrayRef shape) {
  return (at::randn(shape) * 100).clamp(-448, 448).to(at::kFloat8_e4m3fn);
}

Result<Linear> load(const Tensors& tensors, const LinearSpec& spec, const QuantConfig& config,
                    Activations activations = Activations::kFloat) {
  auto source =
      tensors.source({.dtype = at::kFloat, .quantization = config, .activations = activations});
  auto linear = load_linear(source, spec);
  if (linear) {
    EXPECT_TRUE(source.leftovers().empty()) << source.leftovers().front();
  }
  return linear;
}

TEST(Fp8, PublishedVectors) {
  Tensors tensors;
  tensors.add("l.weight", at::tensor({100, 246, 126, 59, 121, 254, 97, 109}, at::kByte)
                              .view({2, 4})
                              .view(at::kFloat8_e4m3fn));
  tensors.add("l.weight_scale",
              at::tensor({0.002227783203125, 0.006683349609375}).view({2, 1}).to(at::kBFloat16));
  const auto linear = load(tensors, {.name = "l", .in = 4, .out = 2}, kChannel);
  ASSERT_TRUE(linear) << linear.error().message;
  const at::Tensor want = at::tensor({0.10693359375, -0.5, 1.0, 0.0030670166015625, 1.921875, -3.0,
                                      0.240234375, 0.6953125})
                              .view({2, 4});
  EXPECT_TRUE(dequantised(*linear).equal(want)) << dequantised(*linear);
}

struct ScaleCase {
  const char* name;
  std::vector<int64_t> shape;
  QuantConfig config;
  std::vector<int64_t> repeats;  // rows and columns that one scale stands for
};

class Fp8Scales : public testing::TestWithParam<ScaleCase> {};

TEST_P(Fp8Scales, ProductsEqualTheDequantisedWeight) {
  const ScaleCase& c = GetParam();
  at::manual_seed(12);
  constexpr int64_t kOut = 70, kIn = 250;  // neither fills its blocks
  const at::Tensor codes = random_codes({kOut, kIn});
  const at::Tensor scales = (at::rand(c.shape) + 0.5) * 1e-3;
  const at::Tensor bias = at::randn({kOut});
  at::Tensor spread = scales.dim() == 2 ? scales : scales.reshape({-1, 1});
  spread = spread.repeat_interleave(c.repeats[0], 0).repeat_interleave(c.repeats[1], 1);
  const at::Tensor held = codes.to(at::kFloat) * spread.narrow(0, 0, kOut).narrow(1, 0, kIn);
  Tensors tensors;
  tensors.add("l.weight", codes);
  tensors.add("l.weight_scale", scales);
  tensors.add("l.bias", bias);
  const auto linear = load(tensors, {.name = "l", .in = kIn, .out = kOut, .bias = true}, c.config);
  ASSERT_TRUE(linear) << linear.error().message;
  EXPECT_TRUE(dequantised(*linear).equal(held.to(at::kBFloat16).to(at::kFloat)));
  for (const int64_t n : {1, 2, 5, 20, 40}) {
    const at::Tensor x = at::randn({n, kIn});
    const at::Tensor want =
        at::linear(x.to(at::kDouble), held.to(at::kDouble), bias.to(at::kDouble)).to(at::kFloat);
    EXPECT_LT(relative_error((*linear)(x), want), 2e-6) << n;
    const at::Tensor half = (*linear)(x.to(at::kBFloat16));
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    EXPECT_LT(relative_error(half.to(at::kFloat), want), 0.006) << n;
  }
  EXPECT_EQ((*linear)(at::zeros({2, 3, kIn})).sizes(), at::IntArrayRef({2, 3, kOut}));
  EXPECT_EQ((*linear)(at::zeros({0, kIn})).sizes(), at::IntArrayRef({0, kOut}));
}

INSTANTIATE_TEST_SUITE_P(
    All, Fp8Scales,
    testing::Values(ScaleCase{"Scalar", {}, kChannel, {70, 250}},
                    ScaleCase{"Tensor", {1}, kChannel, {70, 250}},
                    ScaleCase{"Channel", {70, 1}, kChannel, {1, 250}},
                    ScaleCase{"ChannelFlat", {70}, kChannel, {1, 250}},
                    ScaleCase{"Group", {70, 5}, kChannel, {1, 50}},
                    ScaleCase{"Block", {1, 2}, {QuantMethod::kFp8, 8, 128, 128}, {128, 128}},
                    ScaleCase{"SmallBlock", {5, 32}, {QuantMethod::kFp8, 8, 16, 8}, {16, 8}},
                    ScaleCase{"LargeBlock", {3, 1}, {QuantMethod::kFp8, 8, 32, 512}, {32, 512}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Fp8, ManyRowsOfOneScaleARowAreExactInTheWeight) {
  at::manual_seed(13);
  Tensors tensors;
  const at::Tensor codes = random_codes({40, 130});
  const at::Tensor scales = at::rand({40, 1}) + 0.1;
  tensors.add("l.weight", codes);
  tensors.add("l.weight_scale", scales);
  const auto linear = load(tensors, {.name = "l", .in = 130, .out = 40}, kChannel);
  ASSERT_TRUE(linear);
  // Values of few bits: every product and sum is exact, so that only the last rounding is left.
  const at::Tensor x = at::randint(-8, 9, {32, 130}, at::kFloat);
  const at::Tensor sums = at::linear(x, codes.to(at::kFloat));
  const at::Tensor want = (sums * scales.view({1, 40})).to(at::kBFloat16);
  EXPECT_TRUE((*linear)(x.to(at::kBFloat16)).equal(want));
}

TEST(Fp8, PartsAreJoinedFusedWeightsCutAndOthersStay) {
  at::manual_seed(14);
  Tensors tensors;
  tensors.add("gate.weight", random_codes({40, 32}));
  tensors.add("gate.weight_scale", at::rand({40, 1}));
  tensors.add("up.weight", random_codes({40, 32}));
  tensors.add("up.weight_scale", at::rand({1}));
  tensors.add("plain.weight", at::randn({8, 32}, at::kBFloat16));
  auto source = tensors.source({.dtype = at::kFloat, .quantization = kChannel});
  const auto gate = load_linear(source, {.name = "gate", .in = 32, .out = 40});
  const auto up = load_linear(source, {.name = "up", .in = 32, .out = 40});
  const auto both = load_linear(
      source,
      {.name = "gate_up", .in = 32, .out = 80, .pieces = {"gate", "up"}, .piece_rows = {40, 40}});
  const auto cut = load_linear(
      source, {.name = "x", .in = 32, .out = 33, .sliced_from = "up", .slice_begin = 7});
  const auto plain = load_linear(source, {.name = "plain", .in = 32, .out = 8});
  ASSERT_TRUE(gate && up && both && cut && plain);
  EXPECT_TRUE(dequantised(*both).equal(at::cat({dequantised(*gate), dequantised(*up)})));
  EXPECT_TRUE(dequantised(*cut).equal(dequantised(*up).narrow(0, 7, 33)));
  const at::Tensor x = at::randn({3, 32});
  EXPECT_LT(relative_error((*both)(x), at::cat({(*gate)(x), (*up)(x)}, 1)), 1e-6);
  EXPECT_LT(relative_error((*cut)(x), (*up)(x).narrow(1, 7, 33)), 1e-6);
  EXPECT_EQ(dequantised(*plain).sizes(), at::IntArrayRef({8, 32}));
  EXPECT_TRUE(source.leftovers().empty());

  tensors.add("down.weight", random_codes({40, 32}));
  tensors.add("down.weight_scale", at::rand({40, 2}));
  auto mixed = tensors.source({.dtype = at::kFloat, .quantization = kChannel});
  const auto error = load_linear(mixed, {.name = "gate_down",
                                         .in = 32,
                                         .out = 80,
                                         .pieces = {"gate", "down"},
                                         .piece_rows = {40, 40}});
  ASSERT_FALSE(error);
  EXPECT_THAT(error.error().message, HasSubstr("gate_down"));
}

// x rounded to e4m3 as the format's definition says, in fp64.
at::Tensor rounded(const at::Tensor& x, const at::Tensor& scale) {
  return (x / scale).clamp(-448, 448).to(at::kFloat8_e4m3fn).to(at::kDouble) * scale;
}

TEST(Fp8, RoundedActivations) {
  at::manual_seed(15);
  const at::Tensor codes = random_codes({24, 64});
  const at::Tensor scales = at::rand({24, 1}) + 0.1;
  const at::Tensor held = codes.to(at::kDouble) * scales;
  Tensors tensors;
  tensors.add("l.weight", codes);
  tensors.add("l.weight_scale", scales);
  Tensors fixed = tensors;
  fixed.add("l.input_scale", at::full({1}, 0.004));
  const LinearSpec spec = {.name = "l", .in = 64, .out = 24};
  QuantConfig grouped = kChannel;
  grouped.activation_group = 16;
  const auto by_token = load(tensors, spec, kChannel, Activations::kFp8);
  const auto by_group = load(tensors, spec, grouped, Activations::kFp8);
  const auto by_file = load(fixed, spec, kChannel, Activations::kFp8);
  const auto exact = load(fixed, spec, kChannel);
  ASSERT_TRUE(by_token && by_group && by_file && exact);
  for (const int64_t n : {3, 33}) {
    at::Tensor x = at::randn({n, 64});
    x[1].zero_();
    const at::Tensor groups = x.view({n, 4, 16});
    const auto scale = [](const at::Tensor& values) {
      return (values.abs().amax(-1, true) / 448).clamp_min(1e-7);
    };
    const auto product = [&](const at::Tensor& values) {
      return at::linear(values.to(at::kDouble), held).to(at::kFloat);
    };
    EXPECT_LT(relative_error((*by_token)(x), product(rounded(x, scale(x)))), 1e-6);
    EXPECT_LT(relative_error((*by_group)(x), product(rounded(groups, scale(groups)).view({n, 64}))),
              1e-6);
    EXPECT_LT(relative_error((*by_file)(x), product(rounded(x, at::full({1}, 0.004)))), 1e-6);
    EXPECT_LT(relative_error((*exact)(x), product(x)), 1e-6);
    EXPECT_GT(relative_error((*by_token)(x), product(x)), 1e-3);
    const at::Tensor half = x.to(at::kBFloat16);
    const at::Tensor want = rounded(half.to(at::kFloat), scale(half.to(at::kFloat)));
    EXPECT_LT(relative_error((*by_token)(half).to(at::kFloat), product(want)), 4e-3);
  }
}

TEST(Fp8, BrokenTensorsAreNamed) {
  const auto error = [](const QuantConfig& config, const auto& edit) {
    Tensors tensors;
    tensors.add("l.weight", random_codes({64, 32}));
    tensors.add("l.weight_scale", at::ones({64, 1}));
    edit(tensors);
    const auto linear = load(tensors, {.name = "l", .in = 32, .out = 64}, config);
    return linear ? std::string() : linear.error().message;
  };
  const auto scale = [&](const at::Tensor& value, const QuantConfig& config = kChannel) {
    return error(config, [&](Tensors& t) { t.add("l.weight_scale", value); });
  };
  EXPECT_EQ(error(kChannel, [](Tensors&) {}), "");
  EXPECT_THAT(scale(at::ones({63, 1})), HasSubstr("l.weight_scale"));
  EXPECT_THAT(scale(at::ones({64, 5})), HasSubstr("l.weight_scale"));
  EXPECT_THAT(scale(at::ones({64, 0})), HasSubstr("l.weight_scale"));
  EXPECT_THAT(scale(at::ones({1, 64})), HasSubstr("l.weight_scale"));
  EXPECT_THAT(scale(at::ones({2, 2, 2})), HasSubstr("l.weight_scale"));
  EXPECT_THAT(scale(at::ones({64, 1}, at::kInt)), HasSubstr("l.weight_scale"));
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(scale(at::full({64, 1}, bad)), HasSubstr("l.weight_scale"));
  }
  const QuantConfig blocks{QuantMethod::kFp8, 8, 32, 16};
  EXPECT_EQ(scale(at::ones({2, 2}), blocks), "");
  EXPECT_THAT(scale(at::ones({2, 1}), blocks), HasSubstr("blocks of [32, 16]"));
  EXPECT_THAT(scale(at::ones({64, 2}), blocks), HasSubstr("l.weight_scale"));
  const auto edited = [&](const auto& edit) { return error(kChannel, edit); };
  EXPECT_THAT(edited([](Tensors& t) { t.add("l.weight", at::ones({64, 32})); }),
              HasSubstr("l.weight"));
  EXPECT_THAT(edited([](Tensors& t) { t.add("l.weight", random_codes({64})); }),
              HasSubstr("l.weight"));
  EXPECT_THAT(edited([](Tensors& t) { t.add("l.weight", random_codes({0, 32})); }),
              HasSubstr("l.weight"));
  EXPECT_THAT(edited([](Tensors& t) { t.add("l.weight", random_codes({64, 16})); }),
              HasSubstr("config.json implies [64, 32]"));
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(edited([&](Tensors& t) { t.add("l.input_scale", at::full({1}, bad)); }),
                HasSubstr("l.input_scale"));
  }
}

}  // namespace
}  // namespace glmv::quant
