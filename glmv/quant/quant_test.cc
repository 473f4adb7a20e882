// Formats by their published bit patterns, products against the dequantised weight.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "glmv/quant/formats.h"
#include "glmv/quant/pack.h"
#include "glmv/quant/packed_linear.h"
#include "glmv/quant/tensors_for_test.h"

namespace glmv::quant {
namespace {

using checkpoint::QuantMethod;
using testing::ElementsAre;
using testing::HasSubstr;

at::Tensor ints(std::initializer_list<int64_t> words, at::IntArrayRef shape) {
  return at::tensor(at::ArrayRef<int64_t>(words.begin(), words.size()), at::kLong)
      .to(at::kInt)
      .view(shape);
}

TEST(Awq, WordsHoldTheirColumnsInTheKnownOrder) {
  Tensors tensors;
  tensors.add("l.qweight", ints({0x75316420, 0x9C03178F}, {2, 1}));
  tensors.add("l.qzeros", ints({0}, {1, 1}));
  tensors.add("l.scales", at::ones({1, 8}, at::kHalf));
  auto source = tensors.source(QuantMethod::kAwq, 4);
  const auto weight = read_awq(source, "l");
  ASSERT_TRUE(weight) << weight.error().message;
  EXPECT_EQ((*weight)->shape().group, 2);
  QuantizedRows rows;
  (*weight)->read(0, 8, rows);
  std::vector<int> first, second;
  for (int r = 0; r < 8; ++r) {
    first.push_back(rows.q[2 * r]);
    second.push_back(rows.q[2 * r + 1]);
  }
  EXPECT_THAT(first, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(second, ElementsAre(15, 3, 8, 0, 7, 12, 1, 9));
}

TEST(PackQuantized, WordsAndZeroPointsAsPublished) {
  Tensors tensors;
  tensors.add("l.weight_packed", ints({0xFEA98710, 0x0000000B}, {1, 2}));
  tensors.add("l.weight_scale", at::ones({1, 1}, at::kBFloat16));
  tensors.add("l.weight_shape", at::tensor({1, 9}, at::kLong));
  tensors.add("z.weight_packed", at::zeros({3, 1}, at::kInt));
  tensors.add("z.weight_scale", at::ones({3, 2}, at::kBFloat16));
  tensors.add("z.weight_shape", at::tensor({3, 4}, at::kLong));
  tensors.add("z.weight_zero_point", ints({0x00000980, 0x000007FB}, {1, 2}));
  auto source = tensors.source(QuantMethod::kPackQuantized, 4);
  const auto weight = read_pack_quantized(source, "l");
  ASSERT_TRUE(weight) << weight.error().message;
  QuantizedRows rows;
  (*weight)->read(0, 1, rows);
  std::vector<int> values;
  for (const uint8_t q : rows.q) values.push_back(q - rows.zeros[0]);
  EXPECT_THAT(values, ElementsAre(-8, -7, -1, 0, 1, 2, 6, 7, 3));
  const auto zeros = read_pack_quantized(source, "z");
  ASSERT_TRUE(zeros) << zeros.error().message;
  (*zeros)->read(0, 3, rows);
  values.clear();
  for (const uint8_t z : rows.zeros) values.push_back(z - 8);
  EXPECT_THAT(values, ElementsAre(-8, 3, 0, 7, 1, -1));
}

TEST(PackQuantized, ActivationOrder) {
  Tensors tensors;
  at::manual_seed(3);
  const at::Tensor q = at::randint(0, 16, {5, 16}, at::kInt);
  at::Tensor words = at::zeros({5, 2}, at::kInt);
  for (int64_t i = 0; i < 16; ++i) {
    words.select(1, i / 8).bitwise_or_(q.select(1, i).bitwise_left_shift(4 * (i % 8)));
  }
  const at::Tensor groups = at::tensor({1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1}, at::kInt);
  const at::Tensor scales = at::rand({5, 2});
  tensors.add("l.weight_packed", words);
  tensors.add("l.weight_scale", scales);
  tensors.add("l.weight_shape", at::tensor({5, 16}, at::kLong));
  tensors.add("l.weight_g_idx", groups);
  auto source = tensors.source(QuantMethod::kPackQuantized, 4);
  const auto linear = load_linear(source, {.name = "l", .in = 16, .out = 5});
  ASSERT_TRUE(linear) << linear.error().message;
  const at::Tensor want = (q - 8).to(at::kFloat) * scales.index_select(1, groups.to(at::kLong));
  EXPECT_LT((dequantised(*linear) - want).abs().max().item<double>(), 0.03);  // bf16
  const at::Tensor x = at::randn({3, 16});
  EXPECT_LT(relative_error((*linear)(x), at::linear(x, want)), 1e-6);
  EXPECT_TRUE(source.leftovers().empty());
}

TEST(Formats, WhatIsWrittenReadsTheSame) {
  at::manual_seed(8);
  const at::Tensor weight = at::randn({40, 96});
  struct Case {
    std::string format;
    QuantGrid grid;
    QuantMethod method;
  };
  const std::string ct = "compressed-tensors";
  for (const Case& c : std::vector<Case>{
           {"awq", {.bits = 4, .group = 32}, QuantMethod::kAwq},
           {"awq", {.bits = 4, .group = 0}, QuantMethod::kAwq},
           {ct, {.bits = 4, .group = 16}, QuantMethod::kPackQuantized},
           {ct, {.bits = 4, .group = 32, .symmetric = true}, QuantMethod::kPackQuantized},
           {ct,
            {.bits = 8, .group = 0, .symmetric = true, .scale_dtype = at::kBFloat16},
            QuantMethod::kPackQuantized},
           {ct, {.bits = 8, .group = 24}, QuantMethod::kPackQuantized}}) {
    ASSERT_TRUE(check_format(c.format, c.grid));
    const QuantizedMatrix matrix = round_matrix(weight, c.grid);
    Tensors tensors;
    for (const auto& [suffix, tensor] : stored_tensors(c.format, matrix, c.grid)) {
      tensors.add("l." + suffix, tensor);
    }
    const auto parsed =
        checkpoint::parse_quant_config(quantization_config(c.format, c.grid, {"lm_head"}));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->method, c.method);
    auto source = tensors.source(parsed->method, parsed->bits);
    const auto linear = load_linear(source, {.name = "l", .in = 96, .out = 40});
    ASSERT_TRUE(linear) << linear.error().message;
    EXPECT_TRUE(dequantised(*linear).equal(dequantise(matrix).to(at::kBFloat16).to(at::kFloat)))
        << c.format << c.grid.bits;
    EXPECT_TRUE(source.leftovers().empty());
  }
  EXPECT_FALSE(check_format("awq", {.bits = 8}));
  EXPECT_FALSE(check_format("gguf", {}));
  EXPECT_FALSE(check_format(ct, {.bits = 3}));
  EXPECT_FALSE(check_format(ct, {.bits = 4, .group = 20}));
}

TEST(Formats, BrokenTensorsAreNamed) {
  const auto error = [](const auto& edit) {
    Tensors tensors;
    tensors.add("l.qweight", at::zeros({64, 4}, at::kInt));
    tensors.add("l.qzeros", at::zeros({2, 4}, at::kInt));
    tensors.add("l.scales", at::ones({2, 32}, at::kHalf));
    edit(tensors);
    auto source = tensors.source(QuantMethod::kAwq, 4);
    const auto linear = load_linear(source, {.name = "l", .in = 64, .out = 32});
    return linear ? std::string() : linear.error().message;
  };
  EXPECT_EQ(error([](Tensors&) {}), "");
  EXPECT_THAT(error([](Tensors& t) { t.add("l.qzeros", at::zeros({3, 4}, at::kInt)); }),
              HasSubstr("l.qzeros"));
  EXPECT_THAT(error([](Tensors& t) { t.add("l.qzeros", at::zeros({0, 4}, at::kInt)); }),
              HasSubstr("l.qzeros"));
  EXPECT_THAT(error([](Tensors& t) { t.add("l.scales", at::ones({2, 31}, at::kHalf)); }),
              HasSubstr("l.scales"));
  EXPECT_THAT(error([](Tensors& t) { t.add("l.scales", at::ones({64}, at::kHalf)); }),
              HasSubstr("l.scales"));
  EXPECT_THAT(error([](Tensors& t) { t.add("l.qweight", at::zeros({64, 4}, at::kFloat)); }),
              HasSubstr("l.qweight"));
  EXPECT_THAT(error([](Tensors& t) { t.add("l.qweight", at::zeros({32, 4}, at::kInt)); }),
              HasSubstr("config.json implies [32, 64]"));
  const at::Tensor scales = at::ones({2, 32}, at::kHalf);
  scales[1][7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error([&](Tensors& t) { t.add("l.scales", scales); }), HasSubstr("l.scales"));
}

TEST(Formats, PartsAreJoinedAndFusedWeightsCut) {
  Tensors tensors;
  at::manual_seed(5);
  for (const char* name : {"gate", "up"}) {
    tensors.add(std::string(name) + ".qweight", at::randint(0, 1 << 30, {32, 5}, at::kInt));
    tensors.add(std::string(name) + ".qzeros", at::randint(0, 1 << 30, {2, 5}, at::kInt));
    tensors.add(std::string(name) + ".scales", at::rand({2, 40}));
  }
  auto source = tensors.source(QuantMethod::kAwq, 4);
  const auto gate = load_linear(source, {.name = "gate", .in = 32, .out = 40});
  const auto up = load_linear(source, {.name = "up", .in = 32, .out = 40});
  const auto both = load_linear(
      source,
      {.name = "gate_up", .in = 32, .out = 80, .pieces = {"gate", "up"}, .piece_rows = {40, 40}});
  const auto cut = load_linear(
      source, {.name = "x", .in = 32, .out = 33, .sliced_from = "up", .slice_begin = 7});
  ASSERT_TRUE(gate && up && both && cut);
  EXPECT_TRUE(dequantised(*both).equal(at::cat({dequantised(*gate), dequantised(*up)})));
  EXPECT_TRUE(dequantised(*cut).equal(dequantised(*up).narrow(0, 7, 33)));
}

TEST(PackedLinear, ProductsOfRoundedWeights) {
  at::manual_seed(6);
  const at::Tensor weight = at::randn({70, 256});  // more than two blocks of rows
  const at::Tensor bias = at::randn({70});
  for (const int bits : {4, 8}) {
    const auto rounded = round_to_nearest(weight, bits, bits == 8 ? 256 : 128);
    const Linear exact = make_packed("l", *rounded, bias, Activations::kFloat);
    const Linear integer = make_packed("l", *rounded, bias, Activations::kInt8);
    const double step = bits == 8 ? 0.03 : 0.27;  // half a step, and bf16
    EXPECT_LT((dequantised(exact) - weight).abs().max().item<double>(), step);
    QuantizedRows rows;
    rounded->read(0, 70, rows);
    const auto options = at::TensorOptions().dtype(at::kByte);
    const int64_t groups = rounded->shape().num_groups();
    const at::Tensor q = at::from_blob(rows.q.data(), {70, groups, 256 / groups}, options);
    const at::Tensor zeros = at::from_blob(rows.zeros.data(), {70, groups, 1}, options);
    const at::Tensor scales = at::from_blob(rows.scales.data(), {70, groups, 1}, at::kFloat);
    const at::Tensor held = ((q.to(at::kFloat) - zeros.to(at::kFloat)) * scales).view({70, 256});
    for (const int64_t n : {1, 2, 7, 20, 40}) {
      const at::Tensor x = at::randn({n, 256});
      const at::Tensor want = at::linear(x, held, bias);
      EXPECT_LT(relative_error(exact(x), want), 5e-6) << bits << " " << n;
      EXPECT_LT(relative_error(integer(x), want), 0.012) << bits << " " << n;
      const at::Tensor half = exact(x.to(at::kBFloat16));
      EXPECT_EQ(half.scalar_type(), at::kBFloat16);
      EXPECT_LT(relative_error(half.to(at::kFloat), want), 0.006);
    }
    EXPECT_EQ(exact(at::zeros({2, 3, 256})).sizes(), at::IntArrayRef({2, 3, 70}));
    EXPECT_EQ(exact(at::zeros({0, 256})).sizes(), at::IntArrayRef({0, 70}));
  }
}

TEST(LoadLinear, RoundsTheDecoderAndLeavesTheRest) {
  Tensors tensors;
  for (const char* name : {"model.language_model.layers.0.self_attn.q_proj", "lm_head",
                           "model.visual.blocks.0.attn.qkv"}) {
    tensors.add(std::string(name) + ".weight", at::randn({40, 256}));
  }
  auto source = tensors.source(QuantMethod::kNone, 0, 4);
  const auto bytes = [&](const std::string& name) {
    const int64_t before = source.num_bytes();
    EXPECT_TRUE(load_linear(source, {.name = name, .in = 256, .out = 40}));
    return source.num_bytes() - before;
  };
  EXPECT_EQ(bytes("model.language_model.layers.0.self_attn.q_proj"), 2 * 2 * (192 + 128 * 16));
  EXPECT_EQ(bytes("lm_head"), 2 * (192 + 256 * 32));
  EXPECT_EQ(bytes("model.visual.blocks.0.attn.qkv"), 40 * 256 * 4);
}

TEST(LoadLinear, TheTowerIsRoundedOnRequest) {
  Tensors tensors;
  const at::Tensor weight = at::randn({40, 256}), bias = at::randn({40});
  tensors.add("model.visual.blocks.0.attn.qkv.weight", weight);
  tensors.add("model.visual.blocks.0.attn.qkv.bias", bias);
  tensors.add("lm_head.weight", weight);
  auto source = tensors.source({.dtype = at::kBFloat16, .quantize_vision_bits = 8});
  const auto qkv = load_linear(
      source, {.name = "model.visual.blocks.0.attn.qkv", .in = 256, .out = 40, .bias = true});
  ASSERT_TRUE(qkv);
  EXPECT_EQ(source.num_bytes(), 2 * (192 + 256 * 32) + 40 * 2);
  for (const int64_t n : {1, 15, 40}) {
    // Rows of odd strides too.
    const at::Tensor x = at::randn({n, 512}).to(at::kBFloat16).narrow(1, 3, 256);
    const at::Tensor want = at::linear(x.to(at::kFloat), weight, bias);
    const at::Tensor got = (*qkv)(x);
    EXPECT_EQ(got.scalar_type(), at::kBFloat16);
    EXPECT_LT(relative_error(got.to(at::kFloat), want), 0.015) << n;
  }
  const auto head = load_linear(source, {.name = "lm_head", .in = 256, .out = 40});
  ASSERT_TRUE(head);
  EXPECT_EQ(source.num_bytes(), 2 * (192 + 256 * 32) + 40 * 2 + 40 * 256 * 2);
}

TEST(PackedLinear, GatedProductsEqualTheirParts) {
  at::manual_seed(8);
  struct Case {
    int bits;
    int64_t in, group, out, rows;
  };
  for (const auto& [bits, in, group, out, rows] : {Case{8, 256, 256, 70, 40},
                                                   {8, 2560, 2560, 33, 530},
                                                   {4, 2560, 128, 4100, 40},
                                                   {8, 256, 256, 70, 3},
                                                   {8, 48, 48, 32, 40}}) {
    const at::Tensor weights[2] = {at::randn({out, in}) / 16, at::randn({out, in}) / 16};
    const Linear gate =
        make_packed("gate", *round_to_nearest(weights[0], bits, group), {}, Activations::kInt8);
    const Linear up =
        make_packed("up", *round_to_nearest(weights[1], bits, group), {}, Activations::kInt8);
    const at::Tensor x = at::randn({rows, in}) * 4;
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      const at::Tensor of = x.to(dtype);
      // The parts are exact to fp32 where the rows are.
      const at::Tensor g = gate(of.to(at::kFloat)), u = up(of.to(at::kFloat));
      const at::Tensor got = gate.method().apply_gated(up.method(), of);
      EXPECT_EQ(got.scalar_type(), dtype);
      EXPECT_LT(relative_error(got.to(at::kFloat), at::silu(g) * u),
                dtype == at::kFloat ? 2e-6 : 0.006)
          << bits << " " << in << " " << rows;
    }
    const Linear biased = make_packed("up", *round_to_nearest(weights[1], bits, group),
                                      at::ones({out}), Activations::kInt8);
    EXPECT_LT(relative_error(gate.method().apply_gated(biased.method(), x),
                             at::silu(gate(x)) * biased(x)),
              2e-6);
  }
}

TEST(LoadLinear, DownProjectionsOfTheTowerHaveGroups) {
  // Inputs and the groups that they get: whole steps of tiles that divide, else one for all.
  for (const auto& [in, group] : {std::pair{1024, 512}, {1152, 384}, {704, 64}, {856, 107 * 8}}) {
    Tensors tensors;
    const std::string name = "model.visual.blocks.0.mlp.down_proj";
    const at::Tensor weight = at::randn({33, in});
    tensors.add(name + ".weight", weight);
    auto source = tensors.source({.dtype = at::kFloat, .quantize_vision_bits = 8});
    const auto down = load_linear(source, {.name = name, .in = in, .out = 33});
    ASSERT_TRUE(down);
    EXPECT_EQ(source.num_bytes(), 2 * (in / group * 192 + in * 32)) << in;
    at::Tensor x = at::randn({20, in});
    x.mul_(x).mul_(x);  // outliers
    EXPECT_LT(relative_error((*down)(x), at::linear(x, weight)), 0.08) << in;
  }
}

}  // namespace
}  // namespace glmv::quant
