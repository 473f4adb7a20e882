#include "glmv/text/special_tokens.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace glmv::text {
namespace {

Tokenizer load(const std::string& name) {
  return Tokenizer::load(std::filesystem::path(GLMV_SOURCE_DIR) / "tests/golden/tokenizer" / name)
      .value();
}

TEST(SpecialTokens, AreFoundByName) {
  const SpecialTokens tokens = SpecialTokens::resolve(load("glm45v"));
  const int32_t base = *tokens.end_of_text;
  EXPECT_EQ(tokens.user, base + 7);
  EXPECT_EQ(tokens.image_start, base + 10);
  EXPECT_EQ(tokens.think_end, base + 22);
  EXPECT_EQ(tokens.nothink, base + 31);
  EXPECT_EQ(tokens.box_start, base + 32);
  EXPECT_EQ(tokens.image, base + 34);
  EXPECT_EQ(tokens.video, base + 35);
  EXPECT_EQ(tokens.answer_end, std::nullopt);
  EXPECT_EQ(tokens.eos, base);
  EXPECT_EQ(tokens.pad, base);
  EXPECT_EQ(tokens.turn_ends(), (std::vector<int32_t>{base, base + 7, base + 9}));
}

TEST(SpecialTokens, DifferBetweenFamilies) {
  const SpecialTokens tokens = SpecialTokens::resolve(load("glm41v"));
  const int32_t base = *tokens.end_of_text;
  EXPECT_EQ(tokens.image, base + 14);
  EXPECT_EQ(tokens.video, base + 15);
  EXPECT_EQ(tokens.answer_start, base + 18);
  EXPECT_EQ(tokens.box_start, std::nullopt);
  EXPECT_EQ(tokens.tool_call_start, std::nullopt);
  EXPECT_EQ(tokens.turn_ends(), (std::vector<int32_t>{base, base + 7, base + 9, base + 19}));
}

}  // namespace
}  // namespace glmv::text
