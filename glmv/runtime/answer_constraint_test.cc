// Constrained answers: the states around the thought, and the engine over a scripted runner.

#include "glmv/runtime/answer_constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "glmv/runtime/engine_internal.h"
#include "glmv/runtime/scripted_runner.h"

namespace glmv::runtime {
namespace {

using testing::ElementsAre;

constexpr int32_t kThink = 80, kThinkEnd = 81, kAnswer = 82, kBox = 83, kLineBreak = 84, kEos = 85;
constexpr int64_t kVocab = ScriptedRunner::kVocabSize;

std::string token_text(int32_t id) {
  if (id == kLineBreak) return "\n";
  return id < 90 ? fmt::format("<{}>", id) : std::string();
}

GrammarCompiler& compiler() {
  static GrammarCompiler one({.token_bytes = token_text,
                              .vocab_size = kVocab,
                              .added_ids = {kThink, kThinkEnd, kAnswer, kBox, kEos},
                              .stop_ids = {kEos}});
  return one;
}

Request constrained(GrammarKind kind, const std::string& text, int64_t max_new_tokens = 40) {
  Request request;
  request.input.input_ids = {1, 2, 3};
  request.sampling.temperature = 0;
  request.stop.max_new_tokens = max_new_tokens;
  auto grammar = compiler().compile({kind, text});
  EXPECT_TRUE(grammar) << grammar.error().message;
  if (grammar) request.answer.grammar = *grammar;
  return request;
}

std::vector<int32_t> allowed(AnswerConstraint& constraint) {
  std::vector<float> logits(kVocab, 0.0f);
  constraint.apply(logits);
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < kVocab; ++id) {
    if (std::isfinite(logits[id])) ids.push_back(id);
  }
  return ids;
}

TEST(AnswerConstraint, WithoutAGrammarNothingIsMasked) {
  AnswerConstraint constraint{Request{}};
  EXPECT_FALSE(constraint.active());
  EXPECT_EQ(allowed(constraint).size(), kVocab);
  EXPECT_FALSE(constraint.is_finished());
  EXPECT_FALSE(constraint.is_dead_end());
}

// <82> begins what the grammar holds for, each time, also within a thought.
TEST(AnswerConstraint, FromATriggerToItsEnd) {
  Request request = constrained(
      GrammarKind::kToolCalls,
      R"({"type":"structural_tag","format":{"type":"sequence","elements":[{"type":"token","token":82},
          {"type":"or","elements":[{"type":"const_string","value":"<1><2>"},
                                   {"type":"const_string","value":"<3><4>"}]}]}})");
  request.answer.trigger_id = kAnswer;
  request.thinking = {.think_start_id = kThink, .think_end_id = kThinkEnd, .starts_open = true};
  AnswerConstraint constraint{request};
  for (int round = 0; round < 2; ++round) {
    for (const int32_t id : {5, kBox, round == 0 ? kThinkEnd : 1}) {
      EXPECT_EQ(allowed(constraint).size(), kVocab);
      ASSERT_TRUE(constraint.observe(id));
    }
    ASSERT_TRUE(constraint.observe(kAnswer));
    EXPECT_THAT(allowed(constraint), ElementsAre(1, 3));
    ASSERT_TRUE(constraint.observe(3));
    EXPECT_THAT(allowed(constraint), ElementsAre(4));
    ASSERT_TRUE(constraint.observe(4));
    EXPECT_FALSE(constraint.is_finished());
    EXPECT_FALSE(constraint.is_dead_end());
  }
  // A token that was forced into it ends it, and not the output.
  ASSERT_TRUE(constraint.observe(kAnswer));
  ASSERT_TRUE(constraint.observe(kThinkEnd));
  EXPECT_FALSE(constraint.is_dead_end());
  EXPECT_EQ(allowed(constraint).size(), kVocab);
}

TEST(AnswerConstraint, FromTheFirstToken) {
  AnswerConstraint constraint{constrained(GrammarKind::kChoice, R"(["<1><2>","<1>"])")};
  EXPECT_THAT(allowed(constraint), ElementsAre(1));
  ASSERT_TRUE(constraint.observe(1));
  EXPECT_FALSE(constraint.is_finished());
  EXPECT_THAT(allowed(constraint), ElementsAre(2, kEos));
  ASSERT_TRUE(constraint.observe(2));
  EXPECT_TRUE(constraint.is_finished());
}

TEST(AnswerConstraint, ThoughtsAreFreeAndThenTheAnswerBegins) {
  Request request = constrained(GrammarKind::kChoice, R"(["<1><2>"])");
  request.thinking = {.think_start_id = kThink, .think_end_id = kThinkEnd, .starts_open = true};
  request.answer.not_in_thought_ids = {kAnswer};
  AnswerConstraint constraint(request);
  // Everything but what would end the output or the thought in another way.
  EXPECT_EQ(allowed(constraint).size(), kVocab - 2);
  ASSERT_TRUE(constraint.observe(7));
  ASSERT_TRUE(constraint.observe(kThinkEnd));
  EXPECT_THAT(allowed(constraint), ElementsAre(1, kLineBreak));
  ASSERT_TRUE(constraint.observe(kLineBreak));
  ASSERT_TRUE(constraint.observe(kLineBreak));
  EXPECT_THAT(allowed(constraint), ElementsAre(1));
  ASSERT_TRUE(constraint.observe(1));
  EXPECT_THAT(allowed(constraint), ElementsAre(2));
}

TEST(AnswerConstraint, AThoughtMayOpenOrNot) {
  Request request = constrained(GrammarKind::kChoice, R"(["<1><2>"])");
  request.thinking = {.think_start_id = kThink, .think_end_id = kThinkEnd};
  request.answer.start = AnswerGrammar::Start::kMaybeThought;
  AnswerConstraint without(request);
  EXPECT_THAT(allowed(without), ElementsAre(1, kThink, kLineBreak));
  ASSERT_TRUE(without.observe(1));
  EXPECT_THAT(allowed(without), ElementsAre(2));
  AnswerConstraint with(request);
  ASSERT_TRUE(with.observe(kLineBreak));
  EXPECT_THAT(allowed(with), ElementsAre(kThink, kLineBreak));
  ASSERT_TRUE(with.observe(kThink));
  EXPECT_EQ(allowed(with).size(), kVocab - 1);
  ASSERT_TRUE(with.observe(kThinkEnd));
  EXPECT_THAT(allowed(with), ElementsAre(1, kLineBreak));
}

TEST(AnswerConstraint, WhatOpensTheAnswerIsForced) {
  Request request = constrained(GrammarKind::kChoice, R"(["<1>"])");
  request.thinking = {.think_end_id = kThinkEnd, .starts_open = true};
  request.answer.open_ids = {kAnswer};
  AnswerConstraint constraint(request);
  EXPECT_EQ(constraint.forced(), std::nullopt);
  ASSERT_TRUE(constraint.observe(kThinkEnd));
  EXPECT_EQ(constraint.forced(), kAnswer);
  ASSERT_TRUE(constraint.observe(kAnswer));
  EXPECT_EQ(constraint.forced(), std::nullopt);
  EXPECT_THAT(allowed(constraint), ElementsAre(1, kLineBreak));
  ASSERT_TRUE(constraint.observe(1));
  EXPECT_TRUE(constraint.is_finished());
}

TEST(AnswerConstraint, IgnoredEndsAreMasked) {
  Request request = constrained(GrammarKind::kRegex, "(<1>)+");
  request.stop.ignore_eos = true;
  AnswerConstraint constraint(request);
  ASSERT_TRUE(constraint.observe(1));
  EXPECT_THAT(allowed(constraint), ElementsAre(1));
}

TEST(AnswerConstraint, NowhereToGo) {
  AnswerConstraint constraint{constrained(GrammarKind::kRegex, "<1>x")};
  EXPECT_FALSE(constraint.is_dead_end());
  ASSERT_TRUE(constraint.observe(1));
  EXPECT_TRUE(constraint.is_dead_end());
  std::vector<float> logits(kVocab, 0.0f);
  EXPECT_FALSE(constraint.apply(logits));
}

struct TestEngine {
  explicit TestEngine(EngineOptions options = {}, int64_t cache_tokens = 1 << 20) {
    shared->cache_tokens = cache_tokens;
    EngineSetup setup{
        .options = options, .token_bytes = token_text, .eos_ids = {kEos}, .check_integrity = true};
    setup.config.text.vocab_size = kVocab;
    setup.config.text.max_position_embeddings = 400;
    engine = std::move(*make_engine(std::make_unique<ScriptedRunner>(shared), setup));
  }

  struct Output {
    std::vector<int32_t> ids;
    TokenEvent end;
    std::string text() const {
      std::string out;
      for (const int32_t id : ids) out += token_text(id);
      return out;
    }
  };
  static Output read(TokenStream& stream) {
    Output out;
    TokenEvent event = stream.next();
    for (; event.finish == FinishReason::kNone; event = stream.next()) {
      if (event.token_id) out.ids.push_back(*event.token_id);
    }
    out.end = event;
    return out;
  }
  Output run(Request request) {
    auto stream = engine->submit(std::move(request));
    EXPECT_TRUE(stream) << stream.error().message;
    return read(**stream);
  }

  std::shared_ptr<ScriptedRunner::Shared> shared = std::make_shared<ScriptedRunner::Shared>();
  std::unique_ptr<Engine> engine;
};

TEST(ConstrainedEngine, EndsWhenTheAnswerIsWhole) {
  TestEngine engine;
  const auto out = engine.run(constrained(GrammarKind::kChoice, R"(["<10><11><12>"])"));
  EXPECT_THAT(out.ids, ElementsAre(10, 11, 12));
  EXPECT_EQ(out.end.finish, FinishReason::kStop);
  EXPECT_FALSE(out.end.grammar_dead_end);
  EXPECT_EQ(out.end.usage.completion_tokens, 3);
}

TEST(ConstrainedEngine, ALimitCutsAnAnswer) {
  TestEngine engine;
  const auto out = engine.run(constrained(GrammarKind::kChoice, R"(["<10><11><12>"])", 2));
  EXPECT_THAT(out.ids, ElementsAre(10, 11));
  EXPECT_EQ(out.end.finish, FinishReason::kLength);
}

TEST(ConstrainedEngine, DeadEndsSaySo) {
  TestEngine engine;
  auto out = engine.run(constrained(GrammarKind::kRegex, "<10>x"));
  EXPECT_THAT(out.ids, ElementsAre(10));
  EXPECT_EQ(out.end.finish, FinishReason::kStop);
  EXPECT_TRUE(out.end.grammar_dead_end);
  out = engine.run(constrained(GrammarKind::kRegex, "x"));  // already the first token
  EXPECT_TRUE(out.ids.empty());
  EXPECT_TRUE(out.end.grammar_dead_end);
}

TEST(ConstrainedEngine, AThoughtEndsByItsBudgetAndTheAnswerFollows) {
  TestEngine engine;
  Request request = constrained(GrammarKind::kChoice, R"(["<10><11>"])");
  request.thinking = {.max_tokens = 5,
                      .think_start_id = kThink,
                      .think_end_id = kThinkEnd,
                      .starts_open = true,
                      .force_ids = {kThinkEnd, kAnswer}};
  request.answer.open_ids = {kAnswer};
  const auto out = engine.run(request);
  ASSERT_EQ(out.ids.size(), 9);
  EXPECT_THAT(std::vector(out.ids.begin() + 5, out.ids.end()),
              ElementsAre(kThinkEnd, kAnswer, 10, 11));
  EXPECT_EQ(out.end.finish, FinishReason::kStop);
}

TEST(ConstrainedEngine, BiasAndPenaltiesCannotLeaveTheGrammar) {
  TestEngine engine;
  Request request = constrained(GrammarKind::kRegex, "(<10>|<11>){6}");
  request.sampling.logit_bias = {{50, 100.0}, {10, -100.0}, {11, -100.0}};
  request.sampling.presence_penalty = 2;
  request.sampling.repetition_penalty = 5;
  request.sampling.num_logprobs = 2;
  const auto out = engine.run(request);
  ASSERT_EQ(out.ids.size(), 6);
  for (const int32_t id : out.ids) EXPECT_TRUE(id == 10 || id == 11);
}

// A loop of two tokens, so that the lookup of drafts finds something.
const std::string kLoop = "(<10><11>(<12>|<13>)){12}";

TEST(ConstrainedEngine, SpeculationChangesNothing) {
  TestEngine plain;
  TestEngine drafting({.draft_tokens = 6});
  for (int first = 1; first < 6; ++first) {
    Request request = constrained(GrammarKind::kRegex, kLoop, 60);
    request.input.input_ids = {first, 10, 11, 12, 10, 11, 13, 10, 11};
    const auto expected = plain.run(request);
    const auto out = drafting.run(request);
    EXPECT_EQ(out.ids, expected.ids);
    EXPECT_EQ(out.ids.size(), 36);
    EXPECT_EQ(out.end.finish, FinishReason::kStop);
  }
  EXPECT_GT(drafting.engine->metrics().accepted_tokens, 0);
  EXPECT_LT(drafting.shared->num_decodes, plain.shared->num_decodes);
}

TEST(ConstrainedEngine, PreemptionsChangeNothing) {
  TestEngine alone;
  TestEngine crowded({.max_running_requests = 4}, 70);
  std::vector<std::unique_ptr<TokenStream>> streams;
  std::vector<std::vector<int32_t>> expected;
  std::vector<Request> requests;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(constrained(GrammarKind::kRegex, kLoop, 60));
    requests.back().input.input_ids = {i, 2, 3};
    expected.push_back(alone.run(requests.back()).ids);
  }
  crowded.shared->step_ms = 1;  // so that they run beside each other
  for (const Request& request : requests) {
    streams.push_back(std::move(*crowded.engine->submit(request)));
  }
  for (size_t i = 0; i < streams.size(); ++i) {
    EXPECT_EQ(TestEngine::read(*streams[i]).ids, expected[i]) << i;
  }
  EXPECT_GT(crowded.shared->num_preempted, 0);
}

}  // namespace
}  // namespace glmv::runtime
