#include "glmv/grounding/ask.h"

#include <gtest/gtest.h>

#include "glmv/api/scripted_backend.h"

namespace glmv::grounding {
namespace {

using api::ScriptedReply;

GroundQuestion cup() { return {.query = "the cup", .source = "a.png", .width = 100, .height = 50}; }

TEST(AskWhere, OneQuestionWithThePictureInFront) {
  api::ScriptedBackend backend(
      {ScriptedReply::text({"<|begin_of_box|>[[1,2,", "3,4]]<|end_of_box|>"})});
  api::ChatRequest base;
  base.temperature = 0.5;
  base.messages.push_back(text::Message::system("be brief"));
  const auto got = ask_where(backend, base, cup());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->attempts, 1);
  ASSERT_EQ(got->annotations.items.size(), 1u);
  EXPECT_EQ(got->annotations.items[0].pixels[1].y, 0.2);
  EXPECT_EQ(got->annotations.query, "the cup");
  const auto requests = backend.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].temperature, 0.5);
  EXPECT_TRUE(requests[0].keep_box_markers);
  ASSERT_EQ(requests[0].messages.size(), 2u);
  const text::Message& user = requests[0].messages[1];
  EXPECT_EQ(user.content[0].kind, text::PartKind::kImage);
  EXPECT_EQ(user.content[0].source, "a.png");
  EXPECT_EQ(user.text(), "Help me to locate the cup in the image and give me its bounding boxes.");
}

TEST(AskWhere, AnswersInPixelsAreAskedAgain) {
  const auto pixels = ScriptedReply::text({"[10,20,1900,1000]"});
  {
    api::ScriptedBackend backend({pixels, ScriptedReply::text({"[10,20,990,1000]"})});
    const auto got = ask_where(backend, {}, cup());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->attempts, 2);
    EXPECT_FALSE(got->in_pixels);
    EXPECT_EQ(got->annotations.items[0].unit[1].x, 990);
    EXPECT_NE(backend.requests()[1].messages[0].text().find("from 0 to 1000"), std::string::npos);
    EXPECT_EQ(backend.requests()[0].messages[0].text().find("from 0 to 1000"), std::string::npos);
  }
  {
    api::ScriptedBackend backend({pixels, pixels, pixels});
    GroundQuestion question = cup();
    question.retries = 2;
    const auto got = ask_where(backend, {}, question);
    EXPECT_EQ(got->attempts, 3);
    EXPECT_TRUE(got->in_pixels);
  }
  {
    api::ScriptedBackend backend({pixels});
    GroundQuestion question = cup();
    question.retries = 0;
    EXPECT_EQ(ask_where(backend, {}, question)->attempts, 1);
  }
}

TEST(AskWhere, QuestionsOfEveryForm) {
  GroundQuestion question = cup();
  const auto text = [&](AnswerForm form) {
    question.find.form = form;
    return question_text(question, false);
  };
  EXPECT_NE(text(AnswerForm::kPoint).find("[[x1, y1], [x2, y2]]"), std::string::npos);
  EXPECT_NE(text(AnswerForm::kPolygon).find("polygon"), std::string::npos);
  EXPECT_NE(text(AnswerForm::kJson).find("\"bbox_2d\""), std::string::npos);
  EXPECT_NE(
      text(AnswerForm::kBox3d).find("size along z, size along y, size along x, pitch, yaw, roll"),
      std::string::npos);
  question.find.order = *parse_order("text");
  EXPECT_NE(
      text(AnswerForm::kBox3d).find("size along x, size along y, size along z, roll, pitch, yaw"),
      std::string::npos);
  question.whole = true;
  EXPECT_EQ(text(AnswerForm::kJson), "the cup");
}

TEST(AskWhere, ErrorsAndCancellationPass) {
  api::ScriptedBackend backend({ScriptedReply::failure({Code::kUnavailable, "gone"}),
                                ScriptedReply::text({"[1,2,", "3000,4]"})});
  EXPECT_EQ(ask_where(backend, {}, cup()).error().code, Code::kUnavailable);
  const auto got = ask_where(backend, {}, cup(), [](const api::ChatChunk&) { return false; });
  ASSERT_TRUE(got);
  EXPECT_EQ(got->reply.finish_reason, "cancelled");
  EXPECT_EQ(got->attempts, 1);
}

}  // namespace
}  // namespace glmv::grounding
