#include "glmv/grounding/video_passes.h"

#include <gtest/gtest.h>

#include <cmath>

#include "glmv/api/scripted_backend.h"

namespace glmv::grounding {
namespace {

using api::ScriptedReply;

// One frame a second, or as many as are asked for.
Result<std::vector<double>> plan(const text::ContentPart& part) {
  std::vector<double> times;
  const double step = part.fps > 0 ? 1 / part.fps : 1;
  for (double t = part.begin_s; t < part.end_s - 1e-9; t += step) times.push_back(t);
  if (part.max_frames > 0 && std::ssize(times) > part.max_frames) times.resize(part.max_frames);
  return times;
}

VideoQuestion question() {
  return {.video = {.kind = text::PartKind::kVideo, .source = "a.mp4"},
          .query = "What does the dog do?",
          .duration_s = 100};
}

std::vector<ScriptedReply> captions() {
  return {ScriptedReply::text({"an empty street"}), ScriptedReply::text({"a dog runs"}),
          ScriptedReply::text({"a cat sleeps"}), ScriptedReply::text({"the dog eats"})};
}

TEST(AskVideo, OnePassListsItsFrames) {
  api::ScriptedBackend backend({ScriptedReply::text({"it runs"})});
  VideoQuestion q = question();
  q.video.begin_s = 10;
  q.video.end_s = 13;
  const auto answer = ask_video(backend, {}, q, plan);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->passes.size(), 1u);
  EXPECT_EQ(answer->passes[0].frame_times_s, (std::vector<double>{10, 11, 12}));
  EXPECT_EQ(answer->passes[0].text, "it runs");
  const auto request = backend.requests()[0];
  EXPECT_EQ(request.messages[0].content[0].source, "a.mp4");
  EXPECT_EQ(request.messages[0].text(), q.query);
}

TEST(AskInPasses, CaptionsThenAChoiceThenTheQuestion) {
  auto script = captions();
  script.push_back(ScriptedReply::text({"2 and 4"}));
  script.push_back(ScriptedReply::text({"It runs and eats."}));
  api::ScriptedBackend backend(script);
  std::vector<std::string> seen;
  const auto answer =
      ask_in_passes(backend, {}, question(), {.segment_s = 25, .segment_frames = 5}, plan, {},
                    [&](const VideoPass& pass) { seen.push_back(pass.name); });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(seen, (std::vector<std::string>{"segment 1", "segment 2", "segment 3", "segment 4",
                                            "choice", "question"}));
  EXPECT_EQ(answer->reply.content, "It runs and eats.");
  EXPECT_EQ(answer->passes[1].frame_times_s.size(), 5u);
  EXPECT_TRUE(answer->passes[4].frame_times_s.empty());
  // Two parts at twice the rate of one pass.
  EXPECT_EQ(answer->passes[5].frame_times_s.size(), 100u);
  const auto requests = backend.requests();
  EXPECT_NE(requests[4].messages[0].text().find("2. [0:25 - 0:50] a dog runs"), std::string::npos);
  const auto& last = requests[5].messages[0].content;
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(last[0].begin_s, 25);
  EXPECT_EQ(last[1].begin_s, 75);
  EXPECT_EQ(last[0].fps, 2);
}

TEST(AskInPasses, NeighboursAreOnePartAndWordsDecideWithoutNumbers) {
  auto script = captions();
  script.push_back(ScriptedReply::text({"parts 2, 3"}));
  script.push_back(ScriptedReply::text({"x"}));
  for (auto& reply : captions()) script.push_back(reply);
  script.push_back(ScriptedReply::text({"I cannot say."}));
  script.push_back(ScriptedReply::text({"x"}));
  api::ScriptedBackend backend(script);
  ASSERT_TRUE(ask_in_passes(backend, {}, question(), {.segment_s = 25}, plan));
  EXPECT_EQ(backend.requests()[5].messages[0].content[0].end_s, 75);
  const auto by_words = ask_in_passes(backend, {}, question(), {.segment_s = 25, .fps = 4}, plan);
  ASSERT_TRUE(by_words);
  EXPECT_EQ(by_words->passes.back().begin_s, 75) << "\"the dog\" is there";
  EXPECT_EQ(by_words->passes.back().frame_times_s.size(), 100u);
}

TEST(AskInPasses, StopsAndErrors) {
  {
    api::ScriptedBackend backend(captions());
    int count = 0;
    const auto answer = ask_in_passes(backend, {}, question(), {.segment_s = 25}, plan,
                                      [&](const api::ChatChunk&) { return ++count < 2; });
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->passes.size(), 2u);
    EXPECT_EQ(answer->reply.finish_reason, "cancelled");
  }
  api::ScriptedBackend backend({ScriptedReply::failure({Code::kUnavailable, "gone"})});
  EXPECT_EQ(ask_in_passes(backend, {}, question(), {.segment_s = 0.1}, plan).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(ask_in_passes(backend, {}, question(), {}, plan).error().code, Code::kUnavailable);
}

TEST(ParseChoice, NumbersOfParts) {
  EXPECT_EQ(parse_choice("Parts 3, 1 and 3.", 5), (std::vector<size_t>{1, 3}));
  EXPECT_EQ(parse_choice("2 [0:25 - 0:50]", 60), (std::vector<size_t>{2}));
  EXPECT_EQ(parse_choice("1.5 or 7", 5), std::vector<size_t>{});
  EXPECT_EQ(parse_choice("0 6 99999999999999999999", 5), std::vector<size_t>{});
  EXPECT_EQ(parse_choice("", 5), std::vector<size_t>{});
}

TEST(Questions, NameTheirForm) {
  EXPECT_NE(timeline_question("").find("mm:ss - mm:ss"), std::string::npos);
  EXPECT_NE(timeline_question("the dog").find("the dog"), std::string::npos);
  EXPECT_NE(tracking_question("the car", false).find("bbox_2d"), std::string::npos);
  EXPECT_EQ(tracking_question("the car", false).find("from 0 to 1000"), std::string::npos);
  EXPECT_NE(tracking_question("the car", true).find("from 0 to 1000"), std::string::npos);
}

}  // namespace
}  // namespace glmv::grounding
