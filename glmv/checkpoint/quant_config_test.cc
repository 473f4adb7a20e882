#include "glmv/checkpoint/quant_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmv::checkpoint {
namespace {

using testing::HasSubstr;

Json pack_quantized(int bits) {
  return {{"quant_method", "compressed-tensors"},
          {"format", "pack-quantized"},
          {"config_groups",
           {{"group_0",
             {{"targets", {"Linear"}}, {"weights", {{"num_bits", bits}, {"type", "int"}}}}}}}};
}

TEST(QuantConfig, KnownMethods) {
  EXPECT_EQ(parse_quant_config(Json())->method, QuantMethod::kNone);
  const Json awq = {{"quant_method", "awq"}, {"bits", 4}, {"version", "GEMM"}};
  EXPECT_EQ(parse_quant_config(awq)->method, QuantMethod::kAwq);
  EXPECT_EQ(parse_quant_config(awq)->bits, 4);
  for (const int bits : {4, 8}) {
    const auto config = parse_quant_config(pack_quantized(bits));
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->method, QuantMethod::kPackQuantized);
    EXPECT_EQ(config->bits, bits);
  }
}

Json float_quantized(const Json& weights, const Json& inputs = nullptr) {
  Json all = {{"num_bits", 8}, {"type", "float"}};
  all.update(weights);
  return {{"quant_method", "compressed-tensors"},
          {"format", "float-quantized"},
          {"config_groups", {{"group_0", {{"weights", all}, {"input_activations", inputs}}}}}};
}

TEST(QuantConfig, Fp8) {
  const auto channel =
      parse_quant_config(float_quantized({{"strategy", "channel"}}, {{"strategy", "token"}}));
  ASSERT_TRUE(channel) << channel.error().message;
  EXPECT_EQ(*channel, (QuantConfig{QuantMethod::kFp8, 8}));
  const auto blocks =
      parse_quant_config(float_quantized({{"strategy", "block"}, {"block_structure", {128, 64}}},
                                         {{"strategy", "group"}, {"group_size", 64}}));
  ASSERT_TRUE(blocks) << blocks.error().message;
  EXPECT_EQ(*blocks, (QuantConfig{QuantMethod::kFp8, 8, 128, 64, 64}));
  const auto plain =
      parse_quant_config({{"quant_method", "fp8"}, {"weight_block_size", {128, 32}}});
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(*plain, (QuantConfig{QuantMethod::kFp8, 8, 128, 32, 32}));
}

TEST(QuantConfig, BrokenFp8) {
  const auto message = [](const Json& json) { return parse_quant_config(json).error().message; };
  EXPECT_THAT(message(float_quantized({{"block_structure", {128}}})), HasSubstr("block_structure"));
  EXPECT_THAT(message(float_quantized({{"block_structure", {128, 0}}})),
              HasSubstr("block_structure"));
  EXPECT_THAT(message(float_quantized({{"block_structure", "128x128"}})),
              HasSubstr("block_structure"));
  EXPECT_THAT(message(float_quantized(Json::object(), {{"strategy", "group"}})),
              HasSubstr("group_size"));
  EXPECT_THAT(message(float_quantized({{"num_bits", 4}})), HasSubstr("4 bits"));
  EXPECT_THAT(message({{"quant_method", "fp8"}, {"fmt", "e5m2"}}), HasSubstr("e5m2"));
  Json two = float_quantized(Json::object());
  two["config_groups"]["group_1"] = {{"weights", {{"num_bits", 8}, {"block_structure", {16, 16}}}}};
  EXPECT_THAT(message(two), HasSubstr("different blocks"));
  two["config_groups"] = Json::object();
  EXPECT_THAT(message(two), HasSubstr("no group"));
}

TEST(QuantConfig, OthersAreNamed) {
  const auto error = [](const Json& json) { return parse_quant_config(json).error(); };
  for (const Json& json :
       std::vector<Json>{{{"quant_method", "magic"}},
                         {{"quant_method", "awq"}, {"version", "marlin"}},
                         {{"quant_method", "awq"}, {"bits", 3}},
                         {{"quant_method", "compressed-tensors"}, {"format", "sparse"}},
                         pack_quantized(2),
                         Json::object()}) {
    EXPECT_EQ(error(json).code, Code::kUnsupported) << json;
    EXPECT_THAT(error(json).message, HasSubstr("known: awq"));
  }
  EXPECT_THAT(error({{"quant_method", "magic"}}).message, HasSubstr("magic"));
  EXPECT_EQ(error("awq").code, Code::kInvalidArgument);
  Json empty = pack_quantized(4);
  empty["config_groups"] = Json::object();
  EXPECT_EQ(error(empty).code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace glmv::checkpoint
