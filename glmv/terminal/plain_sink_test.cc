#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/terminal/picture_preview.h"
#include "glmv/terminal/pictures_for_test.h"
#include "glmv/terminal/reply_sink.h"
#include "glmv/terminal/virtual_screen_for_test.h"

namespace glmv::terminal {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kContent[] = "The answer: <|begin_of_box|>42<|end_of_box|>";

api::ChatReply sample() {
  return {.reasoning = "hmm",
          .content = kContent,
          .finish_reason = "stop",
          .raw_text = "<think>hmm</think>The answer"};
}

std::string written(const PlainOptions& options, size_t piece = 4) {
  VirtualScreen out;
  const auto sink = make_plain_sink(out, options);
  const std::string content = kContent;
  sink->on_chunk({.progress_phase = "vision", .progress_done = 1, .progress_total = 2});
  sink->on_chunk({.reasoning = "hmm"});
  for (size_t at = 0; at < content.size(); at += piece) {
    sink->on_chunk({.content = content.substr(at, piece)});
  }
  sink->finish(sample(), {.generated_tokens = 7, .stop = "eos"});
  return out.raw;
}

TEST(PlainSink, TextIsTheAnswerOnly) {
  for (size_t piece = 1; piece < 40; ++piece) EXPECT_EQ(written({}, piece), "The answer: 42\n");
  EXPECT_EQ(written({.thought = ShowThought::kFull}), "hmm\n\nThe answer: 42\n");
  EXPECT_EQ(written({.raw = true}), "<think>hmm</think>The answer\n");
}

TEST(PlainSink, RawHtmlGetsAFence) {
  const std::string html = "<!DOCTYPE html>\n<html>\n<body>Hi</body>\n</html>";
  const auto written_html = [&](bool repair, size_t piece) {
    VirtualScreen out;
    const auto sink = make_plain_sink(out, {.repair_html = repair});
    for (size_t at = 0; at < html.size(); at += piece) {
      sink->on_chunk({.content = html.substr(at, piece)});
    }
    sink->finish({.content = html, .finish_reason = "stop"}, {});
    return out.raw;
  };
  EXPECT_EQ(written_html(false, 5), html + "\n");
  for (size_t piece = 1; piece <= html.size(); ++piece) {
    EXPECT_EQ(written_html(true, piece), "```html\n" + html + "\n```\n") << piece;
  }
}

TEST(PlainSink, Json) {
  const Json json = Json::parse(written({.format = OutputFormat::kJson}));
  EXPECT_EQ(json["answer"], "The answer: 42");
  EXPECT_EQ(json["reasoning"], "hmm");
  EXPECT_EQ(json["finish_reason"], "stop");
  EXPECT_EQ(json["interrupted"], false);
  EXPECT_EQ(json["stats"]["gen_tokens"], 7);
  EXPECT_EQ(json["stats"]["stop"], "eos");
}

TEST(PlainSink, JsonLines) {
  const std::string text =
      written({.format = OutputFormat::kJsonl, .thought = ShowThought::kFull}, 5);
  std::string answer;
  std::vector<std::string> types;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const Json line = Json::parse(text.substr(at, end - at));
    types.push_back(line["type"]);
    if (line["type"] == "text") answer += line["text"].get<std::string>();
    at = end + 1;
  }
  EXPECT_EQ(answer, "The answer: 42");
  EXPECT_EQ(types.front(), "think");
  EXPECT_EQ(types.back(), "done");
}

TEST(PlainSink, Failures) {
  VirtualScreen json, lines, text;
  make_plain_sink(json, {.format = OutputFormat::kJson})->fail({Code::kUnavailable, "gone \xff"});
  EXPECT_EQ(json.raw, "{\"error\":\"gone \uFFFD\"}\n");
  make_plain_sink(lines, {.format = OutputFormat::kJsonl})->fail({Code::kUnavailable, "gone"});
  EXPECT_EQ(lines.raw, "{\"type\":\"error\",\"error\":\"gone\"}\n");
  const auto sink = make_plain_sink(text, {});
  sink->on_chunk({.content = "half"});
  sink->fail({Code::kUnavailable, "gone"});
  EXPECT_EQ(text.raw, "half\n");
}

TEST(Stats, LineAndJson) {
  ReplyStats s{.prompt_tokens = 1284,
               .image_tokens = 1196,
               .generated_tokens = 356,
               .thought_tokens = 210,
               .context_tokens = 1640,
               .context_limit = 65536,
               .prompt_ms = 12'300,
               .first_token_ms = 12'600,
               .generation_ms = 41'000,
               .stop = "eos"};
  EXPECT_EQ(
      stats_line(s),
      "[prompt 1284 tok (1196 image) 12.3 s 104 t/s \u00b7 ttft 12.6 s \u00b7 gen 356 tok 41.0 s "
      "8.7 t/s \u00b7 think 210 \u00b7 ctx 1640/65536 \u00b7 stop eos]");
  EXPECT_EQ(stats_line(stats_from_json(to_json(s))), stats_line(s));
  EXPECT_EQ(stats_line(stats_from_json(Json("x"))), stats_line({}));
}

TEST(Preview, WhatTerminalsAnswer) {
  using P = PictureProtocol;
  const auto answer = [](std::string_view bytes) { return read_protocol_answer(bytes); };
  EXPECT_EQ(answer("\033_Gi=4711;OK\033\\\033[?62;c").protocol, P::kKitty);
  EXPECT_EQ(answer("\033_Gi=4711;OK\033\\\033[?62;4c").protocol, P::kKitty);
  EXPECT_EQ(answer("\033[?62;4;22c").protocol, P::kSixel);
  EXPECT_EQ(answer("\033[?4;6c").protocol, P::kNone);  // 4 is here the kind of terminal
  EXPECT_EQ(answer("\033[?1;2c").protocol, P::kNone);
  EXPECT_TRUE(answer("\033[?1;2c").complete);
  EXPECT_FALSE(answer("\033_Gi=4711;OK\033\\").complete);
  EXPECT_FALSE(answer("typed").complete);
}

TEST(Preview, PicturesFitTheirRoom) {
  const media::Image image = plain_picture(1000, 500);
  const ScreenSize screen{80, 24, 8, 16};
  EXPECT_EQ(picture_sequences(image, PictureProtocol::kNone, screen, 40, 10), "");
  const std::string sixel = picture_sequences(image, PictureProtocol::kSixel, screen, 40, 10);
  EXPECT_THAT(sixel, StartsWith("\033P0;1q\"1;1;320;160"));
  EXPECT_THAT(sixel, HasSubstr("!320~"));  // rows of one colour are runs
  const std::string kitty = picture_sequences(image, PictureProtocol::kKitty, screen, 40, 10);
  EXPECT_THAT(kitty, StartsWith("\033_Ga=T,f=100,q=2,m="));
  EXPECT_THAT(kitty, Not(HasSubstr("\033P")));
}

}  // namespace
}  // namespace glmv::terminal
