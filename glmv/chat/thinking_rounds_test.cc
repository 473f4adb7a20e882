#include "glmv/chat/thinking_rounds.h"

#include <gtest/gtest.h>

#include "glmv/api/scripted_backend.h"
#include "glmv/chat/fake_engine_for_test.h"
#include "glmv/chat/tiny_checkpoint_for_test.h"

namespace glmv::chat {
namespace {

using runtime::FinishReason;
using Tags = std::vector<std::string_view>;

constexpr std::string_view kPicture = GLMV_SOURCE_DIR "/tests/golden/media/rgb.png";
constexpr std::string_view kOpenTemplate =
    "{% for m in messages %}<|{{ m.role }}|>{% for part in m.content %}"
    "{% if part.type == 'image' %}<|begin_of_image|><|image|><|end_of_image|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}<|assistant|><think>";

std::vector<int32_t> ids_of(const TinyCheckpoint& checkpoint, std::string_view text) {
  return checkpoint.processor()->tokenizer().encode(text).value();
}

struct Bench {
  // Each round: its text and how it ends; "stop ID" stands for the name of the token it ends with.
  struct Round {
    std::string text;
    FinishReason finish = FinishReason::kStop;
    std::string stop_token;
  };
  explicit Bench(const std::vector<Round>& rounds, std::string_view chat_template = {},
                 const std::vector<std::string>& without = {})
      : checkpoint(std::string(chat_template), without) {
    std::vector<FakeScript> scripts;
    for (const Round& round : rounds) {
      FakeScript script = FakeScript::tokens(ids_of(checkpoint, round.text), round.finish);
      if (!round.stop_token.empty()) {
        script.events.back().stop_token_id = ids_of(checkpoint, round.stop_token).at(0);
      }
      scripts.push_back(std::move(script));
    }
    auto fake = std::make_unique<FakeEngine>(std::move(scripts));
    engine = fake.get();
    backend = std::make_unique<LocalBackend>(std::move(fake), checkpoint.processor(),
                                             checkpoint::GenerationConfig{});
  }
  Result<TwoRounds> run(const RoundLimits& limits = {.first_max_tokens = 30,
                                                     .force_max_tokens = 40}) {
    api::ChatRequest request;
    text::Message message{.role = "user", .content_is_string = false};
    message.content.push_back({.kind = text::PartKind::kImage, .source = std::string(kPicture)});
    message.content.push_back({.text = "?"});
    request.messages.push_back(std::move(message));
    return answer_in_two_rounds(*backend, request, limits, {});
  }

  TinyCheckpoint checkpoint;
  FakeEngine* engine = nullptr;
  std::unique_ptr<LocalBackend> backend;
};

TEST(ThinkingRounds, Plan) {
  struct Row {
    FirstRound first;
    bool needed;
    Tags tags;
  };
  const Row kRows[] = {
      {{.think_open = true, .think_close = true, .answer_open = true, .answer_close = true},
       false,
       {}},
      {{.think_open = true, .answer_close = true, .at_limit = true}, false, {}},
      {{.think_open = true, .at_limit = true}, true, {"</think>", "<answer>"}},
      {{.think_open = true}, true, {"</think>", "<answer>"}},
      {{.think_open = true, .think_close = true, .at_limit = true}, true, {"<answer>"}},
      {{.think_open = true, .think_close = true, .answer_open = true, .at_limit = true}, true, {}},
      {{.at_limit = true}, true, {"</think>", "<answer>"}},
      {{.answer_open = true, .at_limit = true}, true, {"</think>", "<answer>"}},
      {{.think_open = true, .think_close = true}, false, {}},
      {{}, false, {}},
      // Families without <answer>.
      {{.think_open = true, .at_limit = true, .has_answer_tags = false}, true, {"</think>"}},
      {{.think_open = true, .think_close = true, .has_answer_tags = false}, false, {}},
      {{.think_open = true, .think_close = true, .at_limit = true, .has_answer_tags = false},
       true,
       {}},
      {{.at_limit = true, .has_answer_tags = false}, true, {"</think>"}},
  };
  for (const Row& row : kRows) {
    const SecondRound second = plan_second_round(row.first);
    EXPECT_EQ(second.needed, row.needed) << &row - kRows;
    EXPECT_EQ(second.tags, row.tags) << &row - kRows;
  }
}

TEST(ThinkingRounds, OneRoundIsEnough) {
  Bench bench({{"<think>t</think><answer>4<|begin_of_box|>2<|end_of_box|></answer>"}});
  const auto out = bench.run();
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->num_rounds, 1);
  EXPECT_TRUE(out->complete);
  EXPECT_EQ(out->reason(), "first_generation_complete");
  EXPECT_EQ(out->reasoning, "t");
  EXPECT_EQ(out->answer, "42");
  EXPECT_EQ(out->boxed, std::vector<std::string>{"2"});
  EXPECT_EQ(out->first_length, std::ssize(out->output_ids));
  EXPECT_EQ(out->total_length(), out->first_length);
  ASSERT_EQ(bench.engine->requests.size(), 1u);
  EXPECT_EQ(bench.engine->requests[0].stop.max_new_tokens, 30);
}

TEST(ThinkingRounds, TheEndTokenOfTheAnswerCounts) {
  Bench bench({{"<think>t</think><answer>x", FinishReason::kStop, "</answer>"}});
  const auto out = bench.run();
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_TRUE(out->complete);
  EXPECT_EQ(out->num_rounds, 1);
  EXPECT_EQ(out->output_text, "<think>t</think><answer>x</answer>");
}

TEST(ThinkingRounds, AShortReplyWithoutAnAnswerStaysAsItIs) {
  Bench bench({{"<think>t</think>x", FinishReason::kStop, "<|user|>"}});
  const auto out = bench.run();
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->num_rounds, 1);
  EXPECT_FALSE(out->complete);
}

// Each row of the table by tokens: what stands between the rounds, and what the second one gets.
TEST(ThinkingRounds, TheSecondRoundGoesOnFromTheFirst) {
  struct Row {
    std::string first;
    FinishReason finish;
    std::string stop_token;
    std::string tags;
  };
  const Row kRows[] = {
      {"<think>long", FinishReason::kLength, "", "</think><answer>"},
      {"<think>short", FinishReason::kStop, "<|endoftext|>", "</think><answer>"},
      {"<think>t</think>", FinishReason::kLength, "", "<answer>"},
      {"<think>t</think><answer>An", FinishReason::kLength, "", ""},
      {"no tags", FinishReason::kLength, "", "</think><answer>"},
  };
  for (const Row& row : kRows) {
    Bench bench(
        {{row.first, row.finish, row.stop_token}, {"swer", FinishReason::kStop, "</answer>"}});
    const auto out = bench.run();
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(out->num_rounds, 2);
    EXPECT_TRUE(out->complete);
    EXPECT_EQ(out->reason(), "force_completion_success");
    EXPECT_EQ(out->output_text, row.first + row.tags + "swer</answer>");
    const std::vector<int32_t> between = ids_of(bench.checkpoint, row.tags);
    EXPECT_EQ(out->tags_length, std::ssize(between));
    EXPECT_EQ(out->total_length(), std::ssize(out->output_ids));
    ASSERT_EQ(bench.engine->requests.size(), 2u);
    const processing::ModelInput& one = bench.engine->requests[0].input;
    const processing::ModelInput& two = bench.engine->requests[1].input;
    EXPECT_EQ(out->input_length, std::ssize(one.input_ids));
    std::vector<int32_t> want = one.input_ids;
    const std::vector<int32_t> first = ids_of(bench.checkpoint, row.first);
    want.insert(want.end(), first.begin(), first.end());
    want.insert(want.end(), between.begin(), between.end());
    EXPECT_EQ(two.input_ids, want) << row.first;  // no end of a turn in the middle
    EXPECT_EQ(two.media.size(), 1u);              // the picture is seen again
    EXPECT_EQ(bench.engine->requests[1].stop.max_new_tokens, 40);
  }
}

TEST(ThinkingRounds, ASecondRoundMayEndAtItsLimit) {
  Bench bench({{"<think>long", FinishReason::kLength}, {"An", FinishReason::kLength}});
  const auto out = bench.run();
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_FALSE(out->complete);
  EXPECT_EQ(out->reason(), "force_completion_incomplete");
  EXPECT_EQ(out->answer, "An");
}

TEST(ThinkingRounds, PromptsThatOpenTheThought) {
  Bench bench({{"long", FinishReason::kLength}, {"42"}}, kOpenTemplate, {"<answer>", "</answer>"});
  const auto out = bench.run();
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->output_text, "long</think>42");
  EXPECT_EQ(out->reasoning, "long");
  EXPECT_EQ(out->answer, "42");
  EXPECT_TRUE(out->complete);
}

TEST(ThinkingRounds, StopsWhenNobodyWantsIt) {
  Bench bench({{"<think>long", FinishReason::kLength}});
  api::ChatRequest request;
  request.messages.push_back(text::Message::user("?"));
  const auto out = answer_in_two_rounds(*bench.backend, request, {}, [] { return false; });
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::kCancelled);
}

api::ScriptedReply said(std::string content, std::string finish, std::string reasoning = {}) {
  api::ScriptedReply script;
  script.pieces = {{.reasoning = std::move(reasoning), .content = std::move(content)}};
  script.reply.finish_reason = std::move(finish);
  script.reply.usage = {.prompt_tokens = 7, .completion_tokens = 5};
  return script;
}

Result<TwoRounds> ask(api::ScriptedBackend& backend, bool has_answer_tags = true) {
  api::ChatRequest request;
  request.messages.push_back(text::Message::user("?"));
  return answer_in_two_rounds(backend, request, {.first_max_tokens = 5, .force_max_tokens = 6},
                              has_answer_tags, {});
}

TEST(ThinkingRounds, OverAServer) {
  struct Row {
    api::ScriptedReply first;
    bool has_answer_tags;
    std::string between;  // of both rounds' texts
  };
  const Row kRows[] = {
      {said("<think>long", "length"), true, "<think>long</think><answer>"},
      {said("", "length", "long"), true, "<think>long</think><answer>"},
      {said("", "length", "long"), false, "<think>long</think>"},
      {said("<think>t</think><answer>An", "length"), true, "<think>t</think><answer>An"},
      {said("no tags", "length"), true, "no tags</think><answer>"},
  };
  for (const Row& row : kRows) {
    api::ScriptedBackend backend({row.first, said("swer", "stop")});
    const auto out = ask(backend, row.has_answer_tags);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(out->num_rounds, 2);
    EXPECT_TRUE(out->complete);
    EXPECT_EQ(out->output_text, row.between + "swer");
    EXPECT_EQ(out->second_length, 5);
    const std::vector<api::ChatRequest> requests = backend.requests();
    EXPECT_EQ(requests[0].max_tokens, 5);
    EXPECT_TRUE(requests[0].raw_output);
    EXPECT_EQ(requests[1].max_tokens, 6);
    EXPECT_TRUE(requests[1].continue_final_message);
    EXPECT_EQ(requests[1].messages.back().role, "assistant");
    EXPECT_EQ(requests[1].messages.back().text(), row.between);
  }
  api::ScriptedBackend whole({said("<think>t</think><answer>x", "stop")});
  const auto out = ask(whole);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->num_rounds, 1);
  EXPECT_TRUE(out->complete);
  EXPECT_EQ(out->answer, "x");
  api::ScriptedBackend cancelled_there({said("x", "cancelled")});
  EXPECT_EQ(ask(cancelled_there).error().code, Code::kCancelled);
}

}  // namespace
}  // namespace glmv::chat
