#include "glmv/synth/verify.h"

#include <gtest/gtest.h>

#include "glmv/base/files.h"
#include "glmv/base/json.h"

namespace glmv::synth {
namespace {

// Lines {"verifier", "gold", "boxes"?, "answer", "right"} of tests/cases/synth_verify.jsonl.
TEST(Verify, Cases) {
  const auto text = read_file(GLMV_SOURCE_DIR "/tests/cases/synth_verify.jsonl");
  ASSERT_TRUE(text.has_value()) << text.error().message;
  int cases = 0;
  for (size_t begin = 0; begin < text->size();) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    const auto json = parse_json(text->substr(begin, end - begin), "case");
    begin = end + 1;
    ASSERT_TRUE(json.has_value()) << json.error().message;
    VerifierKind kind = VerifierKind::kExact;
    for (auto k : {VerifierKind::kInteger, VerifierKind::kIou, VerifierKind::kInside}) {
      if (verifier_name(k) == json->at("verifier").get<std::string>()) kind = k;
    }
    const std::string gold = json->at("gold");
    const std::string answer = json->at("answer");
    EXPECT_EQ(check(kind, gold, parse_boxes(gold), answer), json->at("right").get<bool>())
        << json->dump();
    ++cases;
  }
  EXPECT_GE(cases, 40);
}

TEST(Verify, AnswerOfAReply) {
  EXPECT_EQ(answer_of("<think>a</think><answer><|begin_of_box|> 3 <|end_of_box|></answer>"), "3");
  EXPECT_EQ(answer_of("x <|begin_of_box|>1<|end_of_box|> y <|begin_of_box|>2<|end_of_box|>"), "2");
  EXPECT_EQ(answer_of("<|begin_of_box|>cut off"), "cut off");
  EXPECT_EQ(answer_of("<think>a</think><answer>red</answer>"), "red");
  EXPECT_EQ(answer_of("<think>a</think>\nblue<|user|>"), "blue");
  EXPECT_EQ(answer_of(" plain "), "plain");
  EXPECT_EQ(answer_of(""), "");
}

TEST(Verify, IouValues) {
  EXPECT_DOUBLE_EQ(iou({0, 0, 10, 10}, {0, 0, 10, 10}), 1);
  EXPECT_DOUBLE_EQ(iou({0, 0, 10, 10}, {0, 0, 10, 5}), 0.5);
  EXPECT_DOUBLE_EQ(iou({0, 0, 10, 10}, {10, 0, 20, 10}), 0);
  EXPECT_DOUBLE_EQ(iou({0, 0, 0, 0}, {0, 0, 0, 0}), 0);
}

TEST(Verify, ScoreCountsFoundBoxes) {
  QaSample sample;
  sample.verifier = VerifierKind::kIou;
  sample.boxes = {{0, 0, 100, 100}, {500, 500, 600, 600}};
  EXPECT_DOUBLE_EQ(score(sample, "[[0,0,100,100]]"), 0.5);
  EXPECT_DOUBLE_EQ(score(sample, "[[500,500,600,600],[0,0,100,100]]"), 1);
  EXPECT_DOUBLE_EQ(score(sample, "[[0,0,100,100],[0,0,100,100],[0,0,100,100],[0,0,100,100]]"),
                   0.25);
  EXPECT_DOUBLE_EQ(score(sample, "none"), 0);
}

}  // namespace
}  // namespace glmv::synth
