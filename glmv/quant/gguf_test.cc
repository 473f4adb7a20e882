// GGUF's blocks as Linears: packed without loss, or as floats.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/checkpoint/ggml_blocks.h"
#include "glmv/quant/formats.h"
#include "glmv/quant/tensors_for_test.h"

namespace glmv::quant {
namespace {

using checkpoint::GgmlRow;
using checkpoint::GgmlType;
using checkpoint::QuantMethod;
using testing::HasSubstr;

constexpr int64_t kOut = 64, kIn = 512;

// Random blocks [kOut, bytes] whose scales (at `scale_at`) are small numbers.
at::Tensor random_blocks(const GgmlRow& row) {
  const at::Tensor bytes =
      at::randint(0, 256, {kOut * kIn / row.elements, row.bytes}, at::kInt).to(at::kByte);
  const int64_t scale_at = row.type == GgmlType::kQ6_K ? 208 : 0;
  bytes.select(1, scale_at + 1).fill_(0x10);  // 2^-11
  if (row.type == GgmlType::kQ4_K) bytes.select(1, 3).fill_(0x14);
  return bytes.view({kOut, -1});
}

at::Tensor values_of(const GgmlRow& row, const at::Tensor& blocks) {
  const at::Tensor values = at::empty({kOut, kIn});
  checkpoint::dequantise_blocks(row.type, static_cast<const std::byte*>(blocks.const_data_ptr()),
                                kOut * kIn / row.elements, values.mutable_data_ptr<float>());
  return values;
}

Tensors with(const std::string& name, const at::Tensor& blocks) {
  Tensors tensors;
  tensors.mark_gguf();
  tensors.add(name, blocks);
  return tensors;
}

TEST(GgufBlocks, LinearsEqualTheDequantisedWeight) {
  at::manual_seed(30);
  for (const GgmlRow& row : checkpoint::ggml_rows()) {
    if (row.elements == 1) continue;
    const at::Tensor blocks = random_blocks(row);
    const at::Tensor want = values_of(row, blocks);
    const Tensors tensors = with("l.weight" + std::string(row.ending), blocks);
    auto source = tensors.source(QuantMethod::kGguf);
    const auto linear = load_linear(source, {.name = "l", .in = kIn, .out = kOut});
    ASSERT_TRUE(linear) << linear.error().message;
    EXPECT_TRUE(source.leftovers().empty());
    const at::Tensor held = dequantised(*linear);
    // The offsets of Q4_K are held in two parts.
    const bool exact = row.type != GgmlType::kQ4_K;
    EXPECT_LE((held - want.to(at::kBFloat16)).abs().max().item<float>(),
              exact ? 0.0f : want.abs().max().item<float>() / 128)
        << row.name;
    EXPECT_LT(relative_error(held, want), 3e-3) << row.name;
    const at::Tensor x = at::randn({3, kIn});
    EXPECT_LT(relative_error((*linear)(x), at::linear(x, want)), 1e-5) << row.name;
    EXPECT_LT(source.num_bytes(), kOut * kIn * 2) << row.name;
    for (const int64_t n : {1, 20}) {  // few rows and many, rounded once
      const at::Tensor half = at::randn({n, kIn}).to(at::kBFloat16);
      EXPECT_LT(relative_error((*linear)(half), at::linear(half.to(at::kFloat), want)), 4e-3)
          << row.name << " " << n;
    }
    auto again = tensors.source(QuantMethod::kGguf);
    const auto floats = again.take("l.weight", {kOut, kIn});
    ASSERT_TRUE(floats) << floats.error().message;
    EXPECT_TRUE(floats->equal(want)) << row.name;
  }
}

TEST(GgufBlocks, FusedWeightsAreCut) {
  at::manual_seed(31);
  const GgmlRow& row = checkpoint::ggml_row(GgmlType::kQ8_0);
  const at::Tensor blocks = random_blocks(row);
  const Tensors tensors = with("gate_up.weight_q8_0", blocks);
  auto source = tensors.source(QuantMethod::kGguf);
  const auto up = load_linear(
      source, {.name = "up", .in = kIn, .out = 20, .sliced_from = "gate_up", .slice_begin = 20});
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_TRUE(dequantised(*up)
                  .to(at::kBFloat16)
                  .equal(values_of(row, blocks).narrow(0, 20, 20).to(at::kBFloat16)));
}

TEST(GgufBlocks, BrokenBlocksAreNamed) {
  at::manual_seed(32);
  const auto error = [](const std::string& name, const at::Tensor& blocks) {
    const Tensors tensors = with(name, blocks);
    auto source = tensors.source(QuantMethod::kGguf);
    const auto linear = load_linear(source, {.name = "l", .in = kIn, .out = kOut});
    return linear ? std::string() : linear.error().message;
  };
  for (const GgmlRow& row : checkpoint::ggml_rows()) {
    if (row.elements == 1) continue;
    const std::string name = "l.weight" + std::string(row.ending);
    const at::Tensor blocks = random_blocks(row);
    EXPECT_EQ(error(name, blocks), "");
    const at::Tensor no_numbers = blocks.clone();
    no_numbers[7][row.type == GgmlType::kQ6_K ? 209 : 1] = 0x7e;
    EXPECT_THAT(error(name, no_numbers), HasSubstr("l.weight")) << row.name;
    EXPECT_THAT(error(name, blocks.narrow(1, 0, row.bytes)), HasSubstr("config.json")) << row.name;
  }
  EXPECT_THAT(
      error("l.weight_q8_0", random_blocks(checkpoint::ggml_row(GgmlType::kQ8_0)).narrow(1, 0, 35)),
      HasSubstr("blocks of 34"));
  EXPECT_THAT(error("l.weight_q8_0", at::zeros({kOut, 34}, at::kInt)), HasSubstr("l.weight_q8_0"));
}

TEST(GgufBlocks, OnlyGgufFilesHaveThem) {
  Tensors tensors;
  tensors.add("l.weight_q8_0", at::zeros({3}, at::kByte));
  auto source = tensors.source();
  const auto weight = source.take("l.weight", {kOut, kIn});
  ASSERT_FALSE(weight);
  EXPECT_EQ(weight.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace glmv::quant
