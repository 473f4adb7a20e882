#include "glmv/parsers/answer.h"

#include <gtest/gtest.h>

#include "glmv/parsers/cases_for_test.h"

namespace glmv::parsers {
namespace {

TEST(BoxedAnswer, MatchesTheReference) {
  for (const Json& test : read_cases("boxed_answer")) {
    const std::string text = test["text"];
    SCOPED_TRACE(text);
    EXPECT_EQ(Json(extract_boxed(text)), test["boxed"]);
  }
}

TEST(BoxedAnswer, DisplayKeepsTheContents) {
  EXPECT_EQ(strip_box_markers("a <|begin_of_box|> 42 <|end_of_box|>."), "a  42 .");
  EXPECT_EQ(strip_box_markers("<|end_of_box|><|begin_of_box|>"), "");
  EXPECT_EQ(strip_box_markers("<|begin_of_box|"), "<|begin_of_box|");
  EXPECT_EQ(strip_box_markers(""), "");
}

TEST(BoxedAnswer, RestatedIgnoresWhiteSpaceAndMarkers) {
  EXPECT_TRUE(is_restated("a <|begin_of_box|>b<|end_of_box|>", "  a\nb "));
  EXPECT_FALSE(is_restated("ab", "a b"));
  EXPECT_FALSE(is_restated("a", "A"));
}

TEST(BoxedAnswer, LongInputIsLinear) {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += "\\boxed{";
  EXPECT_EQ(extract_boxed(text).size(), 1u);
  text.clear();
  for (int i = 0; i < 200000; ++i) text += "<|begin_of_box|>";
  EXPECT_TRUE(extract_boxed(text).empty());
}

}  // namespace
}  // namespace glmv::parsers
