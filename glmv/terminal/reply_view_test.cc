#include "glmv/terminal/reply_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "glmv/terminal/progress_text.h"
#include "glmv/terminal/virtual_screen_for_test.h"

namespace glmv::terminal {
namespace {

using testing::HasSubstr;
using testing::Not;

api::ChatReply reply_of(std::string thought, std::string content) {
  return {.reasoning = std::move(thought), .content = std::move(content), .finish_reason = "stop"};
}

// Shows a thought and an answer in pieces of so many bytes.
std::string shown(VirtualScreen& screen, const ViewOptions& options, const std::string& thought,
                  const std::string& answer, size_t piece) {
  ReplyView view(screen, options);
  for (size_t at = 0; at < thought.size(); at += piece) {
    view.on_chunk({.reasoning = thought.substr(at, piece)});
  }
  for (size_t at = 0; at < answer.size(); at += piece) {
    view.on_chunk({.content = answer.substr(at, piece)});
  }
  view.finish(reply_of(thought, answer), {});
  return screen.text();
}

constexpr char kAnswer[] =
    "The **total** is <|begin_of_box|>42<|end_of_box|>.\n\n- \u4f60\u597d\n- two\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode <|end\n```\nDone.";

TEST(ReplyView, AnyCutOfTheBytesEndsTheSame) {
  const std::string answer = kAnswer;
  VirtualScreen whole_screen;
  const ViewOptions options{.thought = ShowThought::kHide};
  const std::string whole = shown(whole_screen, options, "", answer, answer.size());
  EXPECT_THAT(whole, HasSubstr("The total is 42."));
  EXPECT_THAT(whole, HasSubstr("\u2022 \u4f60\u597d"));
  EXPECT_THAT(whole, HasSubstr("code <|end"));
  for (size_t piece = 1; piece < answer.size(); ++piece) {
    VirtualScreen screen;
    EXPECT_EQ(shown(screen, options, "", answer, piece), whole) << piece;
  }
  // At every single offset, too.
  for (size_t cut = 1; cut < answer.size(); ++cut) {
    VirtualScreen screen;
    ReplyView view(screen, options);
    view.on_chunk({.content = answer.substr(0, cut)});
    EXPECT_THAT(screen.text(), Not(HasSubstr("<|b"))) << cut;
    view.on_chunk({.content = answer.substr(cut)});
    view.finish(reply_of("", answer), {});
    EXPECT_EQ(screen.text(), whole) << cut;
  }
}

TEST(ReplyView, ThoughtFolded) {
  VirtualScreen screen;
  const std::string text =
      shown(screen, {.thought = ShowThought::kFold}, "first\nthen", "Answer", 3);
  EXPECT_THAT(screen.raw, HasSubstr("thinking\u2026 1 tok"));
  EXPECT_THAT(text, HasSubstr("\u25b8 thought for 0.0 s (4 tok)\nAnswer\n"));
  EXPECT_THAT(text, Not(HasSubstr("then")));
}

TEST(ReplyView, ThoughtInFullIsDimmed) {
  VirtualScreen screen;
  const std::string text =
      shown(screen, {.thought = ShowThought::kFull}, "first\nthen", "Answer", 3);
  EXPECT_EQ(text, "first\nthen\n\nAnswer\n");
  EXPECT_THAT(screen.raw, HasSubstr("\033[2m"));
}

TEST(ReplyView, ThoughtHidden) {
  VirtualScreen screen;
  EXPECT_EQ(shown(screen, {.thought = ShowThought::kHide}, "secret", "Answer", 2), "Answer\n");
}

TEST(ReplyView, CutInsideTheThought) {
  VirtualScreen screen;
  ReplyView view(screen, {.thought = ShowThought::kFold});
  view.on_chunk({.reasoning = "hmm"});
  api::ChatReply reply = reply_of("hmm", "");
  reply.finish_reason = "length";
  view.finish(reply, {});
  EXPECT_THAT(screen.text(), HasSubstr("\u25b8 thought for"));
  EXPECT_THAT(screen.text(), HasSubstr("cut at the token limit"));
}

TEST(ReplyView, NoColourMeansNoStyles) {
  VirtualScreen screen;
  const std::string text = shown(
      screen, {.thought = ShowThought::kFull, .colour = false, .stats = true}, "t", kAnswer, 5);
  for (size_t at = 0; (at = screen.raw.find('\033', at)) != std::string::npos; ++at) {
    const size_t end = screen.raw.find_first_of("ABCDHJKm", at);
    EXPECT_NE(screen.raw[end], 'm') << at;
  }
  EXPECT_THAT(text, HasSubstr("The **total** is 42."));
}

TEST(ReplyView, NarrowScreen) {
  VirtualScreen screen(20, 10);
  shown(screen, {.thought = ShowThought::kFold, .stats = true}, "t",
        "A sentence that is much longer than twenty columns. "
        "\u8fd9\u662f\u4e00\u4e2a\u5f88\u957f\u7684\u53e5\u5b50\uff0c\u9700\u8981\u6362\u884c\u3002"
        "\n\n"
        "| one | two | three |\n|---|---|---|\n| a long cell | b | another long cell |\n",
        4);
  EXPECT_LE(screen.widest(), 20);
  EXPECT_THAT(screen.text(), HasSubstr("A sentence that is\n"));
}

TEST(ReplyView, ABlockTallerThanTheScreenIsShownOnce) {
  VirtualScreen screen(40, 6);
  std::string answer = "start ";
  for (int i = 0; i < 200; ++i) answer += "word" + std::to_string(i) + " **b** ";
  const std::string text = shown(screen, {}, "", answer, 11);
  size_t count = 0;
  for (size_t at = 0; (at = text.find("word77 ", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count, 1u);
  EXPECT_THAT(text, HasSubstr("start word0"));
  EXPECT_THAT(text, HasSubstr("word199"));
}

TEST(ReplyView, ATableTallerThanTheScreenIsDrawnWhole) {
  VirtualScreen screen(40, 8);
  std::string answer = "| n | square |\n|---|---|\n";
  for (int i = 0; i < 30; ++i)
    answer += "| " + std::to_string(i) + " | " + std::to_string(i * i) + " |\n";
  ReplyView view(screen, {});
  view.on_chunk({.content = answer});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  view.on_chunk({});  // time passes: what has come is drawn
  EXPECT_THAT(screen.text(), HasSubstr("lines more"));
  view.on_chunk({.content = "\nend"});
  view.finish(reply_of("", answer), {});
  const std::string text = screen.text();
  EXPECT_THAT(text, Not(HasSubstr("lines more")));
  EXPECT_THAT(text, Not(HasSubstr("| 3 |")));
  EXPECT_THAT(text, HasSubstr("29 \u2502 841\n"));
  EXPECT_THAT(text, HasSubstr("0  \u2502 0\n"));
}

TEST(ReplyView, EscapeSequencesOfAnAnswerAreNotObeyed) {
  VirtualScreen screen;
  const std::string text = shown(screen, {}, "\033[2Jt", "a\033[2J\033]0;title\ab", 1);
  EXPECT_EQ(screen.raw.find("\033[2J"), std::string::npos);
  EXPECT_EQ(screen.raw.find("\033]"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("a^[[2J^[]0;title^Gb"));
}

TEST(ReplyView, ErrorsAndInterruptions) {
  VirtualScreen screen;
  ReplyView view(screen, {});
  view.on_chunk({.content = "half an ans"});
  view.fail({Code::kUnavailable, "the server is gone"});
  EXPECT_EQ(screen.text(), "half an ans\nerror: the server is gone\n");
  VirtualScreen other;
  ReplyView second(other, {});
  second.on_chunk({.content = "part"});
  api::ChatReply reply = reply_of("", "part");
  reply.finish_reason = "cancelled";
  second.finish(reply, {});
  EXPECT_THAT(other.text(), HasSubstr("part\n(interrupted"));
}

TEST(ReplyView, ProgressVanishes) {
  VirtualScreen screen;
  ReplyView view(screen, {});
  view.on_chunk({.progress_phase = "vision", .progress_done = 10, .progress_total = 40});
  EXPECT_THAT(screen.text(), HasSubstr("looking at the picture 25 % of 40 patches"));
  view.on_chunk({.progress_phase = "prefill", .progress_done = 0, .progress_total = 9});
  EXPECT_THAT(screen.text(), HasSubstr("reading the prompt 0 % of 9 tokens"));
  view.on_chunk({.content = "ok"});
  view.finish(reply_of("", "ok"), {});
  EXPECT_EQ(screen.text(), "ok\n");
}

TEST(ReplyView, WhatIsWaitedForIsSaidInWords) {
  const auto text = [](const api::ChatChunk& chunk) { return progress_text(chunk, 2); };
  EXPECT_EQ(text({.progress_phase = "media", .progress_name = "clip.mp4"}),
            "reading clip.mp4 ... 2.0 s");
  EXPECT_EQ(text({.progress_phase = "media"}), "reading the media ... 2.0 s");
  EXPECT_EQ(text({.progress_phase = "pages",
                  .progress_name = "a\x1b[2J.pdf",
                  .progress_done = 2,
                  .progress_total = 9}),
            "rendering a^[[2J.pdf: 2 of 9 pages");
  EXPECT_EQ(text({.progress_phase = "frames",
                  .progress_name = std::string(300, 'v'),
                  .progress_done = 1,
                  .progress_total = 3}),
            "reading " + std::string(37, 'v') + "...: 1 of 3 frames");
  EXPECT_EQ(text({.progress_phase = "prefill", .progress_done = 10, .progress_total = 40}),
            "reading the prompt 25 % of 40 tokens, 6.0 s left");
}

TEST(ReplyView, ResizeRedrawsTheOpenBlock) {
  VirtualScreen screen(40, 10);
  ReplyView view(screen, {});
  view.on_chunk({.content = "one two three four five six"});
  VirtualScreen narrow(12, 10);
  narrow.write(screen.raw);
  screen = narrow;
  view.on_resize();
  view.finish(reply_of("", "one two three four five six"), {});
  EXPECT_EQ(screen.text(), "one two\nthree four\nfive six\n");
}

}  // namespace
}  // namespace glmv::terminal
