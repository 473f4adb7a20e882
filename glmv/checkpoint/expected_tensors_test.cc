#include <gtest/gtest.h>

#include <map>
#include <set>

#include "glmv/checkpoint/test_support.h"
#include "glmv/checkpoint/weights.h"

namespace glmv::checkpoint {
namespace {

struct Totals {
  size_t tensors = 0;
  int64_t parameters = 0;
  int64_t vision_parameters = 0;
};

Totals totals_of(const ModelConfig& config) {
  Totals totals;
  std::set<std::string> names;
  for (const TensorSpec& spec : expected_tensors(config)) {
    int64_t numel = 1;
    for (const int64_t dim : spec.shape) numel *= dim;
    totals.parameters += numel;
    if (spec.name.starts_with("model.visual.")) totals.vision_parameters += numel;
    ++totals.tensors;
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
  }
  return totals;
}

struct ReleaseCase {
  const char* config;
  size_t tensors;
  int64_t parameters;
  int64_t vision_parameters;
};

class ExpectedTensors : public ::testing::TestWithParam<ReleaseCase> {};

TEST_P(ExpectedTensors, TotalsAreThoseOfTheRelease) {
  const Totals totals = totals_of(testing::config_of(GetParam().config));
  EXPECT_EQ(totals.tensors, GetParam().tensors);
  EXPECT_EQ(totals.parameters, GetParam().parameters);
  EXPECT_EQ(totals.vision_parameters, GetParam().vision_parameters);
}

INSTANTIATE_TEST_SUITE_P(
    Releases, ExpectedTensors,
    ::testing::Values(ReleaseCase{"glm4_1v", 704, 10'292'777'472, 892'498'432},
                      ReleaseCase{"glm4_1v_flat", 704, 10'292'777'472, 892'498'432},
                      ReleaseCase{"glm4_6v_flash", 704, 10'292'777'472, 892'498'432},
                      ReleaseCase{"glm46v_wrapper", 704, 10'292'777'472, 892'498'432},
                      ReleaseCase{"glm4_5v", 18'106, 107'710'933'120, 858'681'856},
                      ReleaseCase{"glm4_6v", 18'106, 107'710'933'120, 858'681'856},
                      ReleaseCase{"glm_ocr", 510, 1'107'405'824, 434'120'192}),
    [](const auto& info) { return std::string(info.param.config); });

TEST(ExpectedTensorsTest, TiedModelsHaveNoHead) {
  ModelConfig config = testing::config_of("glm4_1v");
  config.text.tie_word_embeddings = true;
  EXPECT_EQ(totals_of(config).tensors, 703u);
}

TEST(ExpectedTensorsTest, OnlyTheCorrectionBiasStaysInFp32) {
  size_t num_fp32 = 0;
  for (const TensorSpec& spec : expected_tensors(testing::config_of("glm4_5v"))) {
    if (!spec.fp32) continue;
    EXPECT_TRUE(spec.name.ends_with(".mlp.gate.e_score_correction_bias")) << spec.name;
    ++num_fp32;
  }
  EXPECT_EQ(num_fp32, 45u);
}

class GoldenTensors : public ::testing::TestWithParam<const char*> {};

// What transformers wrote for the tiny model is exactly what is expected: names and shapes.
TEST_P(GoldenTensors, FileHoldsTheExpectedTensors) {
  const auto dir = testing::kTests / "golden/models" / GetParam();
  const auto config = read_model_config(dir);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  const auto weights = open_weights(dir, *config);
  ASSERT_TRUE(weights.has_value()) << weights.error().message;
  std::map<std::string, std::vector<int64_t>> expected;
  for (const TensorSpec& spec : expected_tensors(*config)) expected[spec.name] = spec.shape;
  std::map<std::string, std::vector<int64_t>> actual;
  for (const auto& [name, view] : weights->tensors) actual[name] = view.shape;
  EXPECT_EQ(actual, expected);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenTensors,
                         ::testing::Values("glm4v", "glm46v", "glm4v_moe", "glm4v_moe_grp",
                                           "glm_ocr"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace glmv::checkpoint
