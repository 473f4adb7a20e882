#include "glmv/api/chat_json.h"

#include <gtest/gtest.h>

#include <limits>

namespace glmv::api {
namespace {

ChatReply full_reply() {
  ChatReply reply;
  reply.reasoning = "because";
  reply.content = "a cat [100,200,300,400]";
  reply.boxed = {"[100,200,300,400]"};
  reply.boxes = {{.x1 = 100,
                  .y1 = 200,
                  .x2 = 300,
                  .y2 = 400.5,
                  .px1 = 64,
                  .py1 = 96,
                  .px2 = 192,
                  .py2 = 192.24,
                  .image = 1,
                  .label = "cat",
                  .reordered = true,
                  .clamped = false,
                  .degenerate = true}};
  reply.finish_reason = "stop";
  reply.prompt_ids = {5, 6};
  reply.output_ids = {7};
  reply.image_grid_thw = {{1, 4, 6}};
  reply.image_sizes = {{640, 480}};
  reply.usage = {
      .prompt_tokens = 2, .image_tokens = 6, .completion_tokens = 1, .reasoning_tokens = 1};
  reply.timings.load_ms = 1.23456;
  reply.timings.vision_ms = 7;
  return reply;
}

TEST(ChatJson, WholeReply) {
  EXPECT_EQ(
      to_json(full_reply()).dump(),
      R"({"prompt_ids":[5,6],"image_grid_thw":[[1,4,6]],"video_grid_thw":[],"image_sizes":[[640,480]],)"
      R"("output_ids":[7],"reasoning":"because","answer":"a cat [100,200,300,400]",)"
      R"("boxed":["[100,200,300,400]"],"boxes":[{"box":[100,200,300,400.5],)"
      R"("pixels":[64,96,192,192.24],"image":1,"label":"cat",)"
      R"("flags":["reordered","degenerate"]}],"finish_reason":"stop",)"
      R"("usage":{"prompt_tokens":2,"cached_tokens":0,"image_tokens":6,"completion_tokens":1,)"
      R"("reasoning_tokens":1,"total_tokens":3},"timings":{"load_ms":1.235,)"
      R"("preprocess_ms":0,"queue_ms":0,"vision_ms":7,"prefill_ms":0,"decode_ms":0,)"
      R"("time_to_first_token_ms":0}})");
}

TEST(ChatJson, EmptyReplyHasEveryKeyButLogprobs) {
  const Json json = to_json(ChatReply{});
  EXPECT_EQ(json["prompt_ids"], Json::array());
  EXPECT_EQ(json["boxes"], Json::array());
  EXPECT_EQ(json["answer"], "");
  EXPECT_FALSE(json.contains("logprobs"));
}

TEST(ChatJson, PointsOnlyWhenThereAreAny) {
  ChatReply reply;
  EXPECT_FALSE(to_json(reply).contains("points"));
  reply.points = {{.x = 1, .y = 2.5, .px = 3, .py = 4, .image = 0, .label = "go"}};
  EXPECT_EQ(to_json(reply)["points"].dump(),
            R"([{"point":[1,2.5],"pixels":[3,4],"image":0,"label":"go"}])");
}

TEST(ChatJson, LogprobsNest) {
  ChatReply reply;
  LogprobEntry entry{.token = "a", .token_id = 3, .logprob = -0.5f};
  entry.top = {
      {.token = "\xFF", .token_id = 4, .logprob = -std::numeric_limits<float>::infinity()}};
  reply.logprobs = {entry};
  const Json json = to_json(reply)["logprobs"][0];
  EXPECT_EQ(json["logprob"], -0.5);
  EXPECT_EQ(json["top"][0]["token"], "\xEF\xBF\xBD");
  EXPECT_TRUE(json["top"][0]["logprob"].is_number());
  EXPECT_FALSE(json["top"][0].contains("top"));
}

TEST(ChatJson, IllFormedTextIsRepaired) {
  ChatReply reply;
  reply.content = "a\xE4\xBD";
  reply.reasoning = "\xC0";
  reply.boxed = {"\xF0\x9F"};
  EXPECT_NO_THROW(to_json(reply).dump());
  EXPECT_EQ(to_json(reply)["answer"], "a\xEF\xBF\xBD");
}

}  // namespace
}  // namespace glmv::api
