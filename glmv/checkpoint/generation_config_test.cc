#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/checkpoint/test_support.h"

namespace glmv::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(GenerationConfig, MissingFileGivesTheReleasedDefaults) {
  const testing::TempFolder empty;
  const auto v41 = read_generation_config(empty.path(), testing::config_of("glm4_1v"));
  EXPECT_TRUE(v41->do_sample);
  EXPECT_EQ(v41->temperature, 0.8);
  EXPECT_EQ(v41->top_p, 0.6);
  EXPECT_EQ(v41->top_k, 2);
  EXPECT_EQ(v41->pad_token_id, 151329);
  EXPECT_THAT(v41->eos_token_ids, ElementsAre(151329, 151336, 151338, 151348));

  const auto v45 = read_generation_config(empty.path(), testing::config_of("glm4_5v"));
  EXPECT_TRUE(v45->do_sample);
  EXPECT_EQ(v45->temperature, 1.0);
  EXPECT_EQ(v45->top_p, 0.0001);
  EXPECT_EQ(v45->top_k, 1);

  const auto v46 = read_generation_config(empty.path(), testing::config_of("glm4_6v"));
  EXPECT_EQ(v46->temperature, 0.8);
  EXPECT_EQ(v46->top_k, 2);

  const auto ocr = read_generation_config(empty.path(), testing::config_of("glm_ocr"));
  EXPECT_FALSE(ocr->do_sample);
  EXPECT_THAT(ocr->eos_token_ids, ElementsAre(59246, 59253));
}

TEST(GenerationConfig, FileDecidesAndAbsentKeysAreNeutral) {
  const testing::TempFolder folder;
  folder.write("generation_config.json",
               R"({"do_sample": true, "temperature": 0.5, "top_p": null, "top_k": 7,
                   "repetition_penalty": 1.1, "eos_token_id": 9, "pad_token_id": 11})");
  const auto config = read_generation_config(folder.path(), testing::config_of("glm4_1v"));
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_TRUE(config->do_sample);
  EXPECT_EQ(config->temperature, 0.5);
  EXPECT_EQ(config->top_p, 1.0);
  EXPECT_EQ(config->top_k, 7);
  EXPECT_EQ(config->repetition_penalty, 1.1);
  EXPECT_EQ(config->pad_token_id, 11);
  EXPECT_THAT(config->eos_token_ids, ElementsAre(9, 151329, 151336, 151338, 151348));

  folder.write("generation_config.json", "{}");
  EXPECT_FALSE(read_generation_config(folder.path(), testing::config_of("glm4_1v"))->do_sample);
}

TEST(GenerationConfig, ErrorsNameFileAndKey) {
  const testing::TempFolder folder;
  const std::pair<const char*, const char*> cases[] = {
      {R"({"temperature": -1})", "temperature is -1, expected a number from 0 to 100"},
      {R"({"top_p": 1.5})", "top_p is 1.5"},
      {R"({"top_k": -1})", "top_k is -1"},
      {R"({"repetition_penalty": 0})", "repetition_penalty is 0"},
      {R"({"do_sample": "yes"})", "do_sample is \"yes\", expected true or false"},
      {R"({"eos_token_id": [151552]})", "eos_token_id is [151552]"},
      {R"([])", "not a JSON object"},
  };
  for (const auto& [text, error] : cases) {
    folder.write("generation_config.json", text);
    const auto config = read_generation_config(folder.path(), testing::config_of("glm4_1v"));
    ASSERT_FALSE(config.has_value()) << text;
    EXPECT_THAT(config.error().message, HasSubstr("generation_config.json: "));
    EXPECT_THAT(config.error().message, HasSubstr(error));
  }
}

}  // namespace
}  // namespace glmv::checkpoint
