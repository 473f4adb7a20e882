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
           {{"group_0", {{"targets", {"Linear"}}, {"weights", {{"num_bits", bits}, {"type", "int"}}}}}}}};
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

TEST(QuantConfig, OthersAreNamed) {
  const auto error = [](const Json& json) { return parse_quant_config(json).error(); };
  for (const Json& json : std::vector<Json>{
           {{"quant_method", "magic"}},
           {{"quant_method", "awq"}, {"version", "marlin"}},
           {{"quant_method", "awq"}, {"bits", 3}},
           {{"quant_method", "compressed-tensors"}, {"format", "sparse"}},
           pack_quantized(2), Json::object()}) {
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
