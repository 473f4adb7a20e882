// The engine over a scripted runner: threads, streams, errors, cancellation. No model.

#include "glmv/runtime/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "glmv/runtime/engine_internal.h"
#include "glmv/runtime/scripted_runner.h"

namespace glmv::runtime {
namespace {

// The engine lets a sequence go just after its last event, so give it a moment.
bool all_states_gone(const ScriptedRunner::Shared& shared) {
  for (int i = 0; i < 2000 && shared.num_states != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return shared.num_states == 0;
}

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int32_t kEos = 85;

checkpoint::ModelConfig test_config() {
  checkpoint::ModelConfig config;
  config.text.vocab_size = ScriptedRunner::kVocabSize;
  config.text.max_position_embeddings = 200;
  config.vision.patch_size = 2;
  config.vision.temporal_patch_size = 1;
  config.vision.in_channels = 1;
  config.vision.spatial_merge_size = 2;
  return config;
}

struct TestEngine {
  explicit TestEngine(EngineOptions options = {.prefill_chunk_tokens = 5}) {
    EngineSetup setup{
        .options = options, .config = test_config(), .eos_ids = {kEos}, .check_integrity = true};
    setup.token_bytes = [](int32_t id) {
      return id < 90 ? "<" + std::to_string(id) + ">" : std::string();
    };
    engine = std::move(*make_engine(std::make_unique<ScriptedRunner>(shared), setup));
  }

  std::unique_ptr<TokenStream> submit(Request request) {
    auto stream = engine->submit(std::move(request));
    EXPECT_TRUE(stream) << stream.error().message;
    return std::move(*stream);
  }

  std::shared_ptr<ScriptedRunner::Shared> shared = std::make_shared<ScriptedRunner::Shared>();
  std::unique_ptr<Engine> engine;
};

std::vector<int32_t> prompt_of(int32_t first, int length) {
  std::vector<int32_t> ids;
  for (int i = 0; i < length; ++i) ids.push_back((first + 3 * i) % 80);
  return ids;
}

Request greedy(std::vector<int32_t> ids, int64_t max_new_tokens) {
  Request request;
  request.input.input_ids = std::move(ids);
  request.sampling.temperature = 0;
  request.stop.max_new_tokens = max_new_tokens;
  return request;
}

// Three text tokens, a picture of 2x2 merged tokens filled with `value`, one text token.
Request with_picture(float value, int64_t max_new_tokens) {
  Request request = greedy({1, 2, 3, 4, 4, 4, 4, 5}, max_new_tokens);
  request.input.mm_token_types = {0, 0, 0, 1, 1, 1, 1, 0};
  for (auto& axis : request.input.position_ids) axis = {0, 1, 2, 3, 3, 4, 4, 5};
  processing::Medium medium;
  medium.grid = {1, 4, 4};
  medium.patches.assign(16 * 4, value);
  request.input.media.push_back(std::move(medium));
  return request;
}

struct Received {
  std::vector<int32_t> tokens;
  std::vector<Progress> progress;
  std::vector<TokenEvent> events;
  TokenEvent last;
};

Received receive(TokenStream& stream) {
  Received received;
  while (true) {
    TokenEvent event = stream.next();
    if (event.progress) received.progress.push_back(*event.progress);
    if (event.token_id) received.tokens.push_back(*event.token_id);
    if (event.finish != FinishReason::kNone) {
      received.last = event;
      return received;
    }
    received.events.push_back(std::move(event));
  }
}

TEST(Engine, GeneratesUpToTheLimit) {
  TestEngine test;
  const auto prompt = prompt_of(1, 13);
  const auto stream = test.submit(greedy(prompt, 9));
  const Received received = receive(*stream);
  EXPECT_EQ(received.tokens, ScriptedRunner::expected(prompt, 9));
  EXPECT_EQ(received.last.finish, FinishReason::kLength);
  EXPECT_EQ(received.last.usage.prompt_tokens, 13);
  EXPECT_EQ(received.last.usage.completion_tokens, 9);
  EXPECT_GT(received.last.timings.time_to_first_token_ms, 0);
  // The end is given again and again.
  EXPECT_EQ(stream->next().finish, FinishReason::kLength);
  EXPECT_TRUE(all_states_gone(*test.shared));
}

TEST(Engine, SameTokensForEveryChunkSize) {
  const auto prompt = prompt_of(4, 37);
  for (int64_t chunk : {1, 7, 36, 37, 512}) {
    TestEngine test({.prefill_chunk_tokens = chunk});
    EXPECT_EQ(receive(*test.submit(greedy(prompt, 12))).tokens,
              ScriptedRunner::expected(prompt, 12))
        << chunk;
  }
}

TEST(Engine, ManyRequestsInFlightGiveWhatEachGivesAlone) {
  TestEngine test({.prefill_chunk_tokens = 4, .max_running_requests = 3});
  test.shared->step_ms = 1;
  std::vector<std::unique_ptr<TokenStream>> streams;
  for (int i = 0; i < 12; ++i) streams.push_back(test.submit(greedy(prompt_of(i, 5 + i), 10 + i)));
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(receive(*streams[i]).tokens, ScriptedRunner::expected(prompt_of(i, 5 + i), 10 + i))
        << i;
  }
  EXPECT_EQ(test.shared->largest_batch, 3);
  const EngineMetrics metrics = test.engine->metrics();
  EXPECT_EQ(metrics.num_finished, 12);
  EXPECT_EQ(metrics.num_running + metrics.num_waiting, 0);
  EXPECT_EQ(metrics.generated_tokens, 12 * 10 + 66);
}

TEST(Engine, ProgressSaysWhatTheCacheHadAndHowLongItTook) {
  TestEngine test({.prefill_chunk_tokens = 16});
  test.shared->prefix_tokens = 32;
  test.shared->token_us = 500;
  const Received received = receive(*test.submit(greedy(prompt_of(1, 80), 1)));
  EXPECT_EQ(received.last.usage.cached_tokens, 32);
  double last_ms = -1;
  for (const Progress& progress : received.progress) {
    if (progress.phase != Phase::kPrefill) continue;
    EXPECT_EQ(progress.cached, 32);
    EXPECT_GE(progress.done, 32);
    EXPECT_GE(progress.ms, last_ms);
    last_ms = progress.ms;
  }
  EXPECT_GE(last_ms, 48 * 0.5);
}

TEST(Engine, PicturesAreEncodedOneByOneWithProgress) {
  TestEngine test;
  test.shared->step_ms = 5;  // slow enough to read most progress
  const Received received = receive(*test.submit(with_picture(33, 4)));
  EXPECT_EQ(received.tokens, ScriptedRunner::expected({1, 2, 3, 4, 4, 4, 4, 5}, 4, {33}));
  EXPECT_EQ(received.last.usage.image_tokens, 4);
  int64_t last_done = -1;
  Phase phase = Phase::kQueued;
  for (const Progress& progress : received.progress) {
    EXPECT_GE(progress.phase, phase);
    if (progress.phase != phase) last_done = -1;
    phase = progress.phase;
    EXPECT_GE(progress.done, last_done);
    EXPECT_LE(progress.done, progress.total);
    last_done = progress.done;
    if (phase == Phase::kEncodingMedia) {
      EXPECT_EQ(progress.total, 16);
    }
    if (phase == Phase::kPrefill) {
      EXPECT_EQ(progress.total, 8);
    }
  }
  EXPECT_EQ(phase, Phase::kPrefill);
  EXPECT_EQ(last_done, 8);
}

TEST(Engine, OthersAnswerWhileALongPictureIsEncoded) {
  TestEngine test({.prefill_chunk_tokens = 5, .max_step_ms = 1});
  test.shared->step_ms = 5;
  const auto other = test.submit(greedy(prompt_of(1, 6), 60));
  while (!other->next().token_id) {
  }
  const auto stream = test.submit(with_picture(33, 4));
  EXPECT_EQ(receive(*stream).tokens, ScriptedRunner::expected({1, 2, 3, 4, 4, 4, 4, 5}, 4, {33}));
  EXPECT_EQ(test.shared->num_pauses, 3);  // a step of decoding between each two of four parts
  receive(*other);
  // Alone, there is nobody to wait for.
  EXPECT_EQ(receive(*test.submit(with_picture(12, 4))).tokens,
            ScriptedRunner::expected({1, 2, 3, 4, 4, 4, 4, 5}, 4, {12}));
  EXPECT_EQ(test.shared->num_pauses, 3);
}

TEST(Engine, ARequestEndsWhileItsPictureIsPaused) {
  TestEngine test({.prefill_chunk_tokens = 5, .max_step_ms = 1});
  test.shared->step_ms = 5;
  const auto other = test.submit(greedy(prompt_of(1, 6), 150));
  while (!other->next().token_id) {
  }
  auto stream = test.submit(with_picture(33, 4));
  while (test.shared->num_pauses == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  test.engine->cancel(stream->id());
  EXPECT_EQ(receive(*stream).last.finish, FinishReason::kCancelled);
  test.engine->cancel(other->id());
  receive(*other);
  EXPECT_TRUE(all_states_gone(*test.shared));
}

TEST(Engine, PromptsAreReadInShortStepsWhileOthersAnswer) {
  TestEngine test({.prefill_chunk_tokens = 128, .max_step_ms = 20});
  test.shared->step_ms = 1;
  test.shared->token_us = 500;  // 40 tokens in 20 ms
  const auto other = test.submit(greedy(prompt_of(1, 100), 90));
  while (!other->next().token_id) {
  }
  EXPECT_EQ(test.shared->last_chunk, 100);  // nobody waited for it
  const auto prompt = prompt_of(2, 160);
  EXPECT_EQ(receive(*test.submit(greedy(prompt, 1))).tokens, ScriptedRunner::expected(prompt, 1));
  EXPECT_EQ(test.shared->last_chunk, 32);
  const auto expected = ScriptedRunner::expected(prompt_of(1, 100), 90);
  EXPECT_EQ(receive(*other).tokens, std::vector<int32_t>(expected.begin() + 1, expected.end()));
}

TEST(Engine, StopsAtEosAndStopStrings) {
  TestEngine test;
  const auto prompt = prompt_of(1, 6);
  const auto expected = ScriptedRunner::expected(prompt, 9);
  Request request = greedy(prompt, 9);
  request.stop.stop_token_ids = {expected[4]};
  Received received = receive(*test.submit(std::move(request)));
  EXPECT_EQ(received.tokens, std::vector<int32_t>(expected.begin(), expected.begin() + 4));
  EXPECT_EQ(received.last.finish, FinishReason::kStop);
  EXPECT_EQ(received.last.stop_token_id, expected[4]);

  request = greedy(prompt, 9);
  request.stop.stop_strings = {fmt::format("><{}>", expected[4])};
  received = receive(*test.submit(std::move(request)));
  EXPECT_EQ(received.tokens, std::vector<int32_t>(expected.begin(), expected.begin() + 4));
  EXPECT_EQ(received.events.back().keep_bytes,
            static_cast<int64_t>(std::to_string(expected[3]).size()) + 1);
  EXPECT_THAT(received.last.stop_string, HasSubstr("><"));

  request = greedy(prompt, 3);
  request.sampling.logit_bias = {{kEos, 100.0}};
  received = receive(*test.submit(std::move(request)));
  EXPECT_EQ(received.last.stop_token_id, kEos);
  EXPECT_TRUE(received.tokens.empty());
}

TEST(Engine, ThinkingBudgetForcesTokensIntoTheCache) {
  TestEngine test;
  const auto prompt = prompt_of(1, 6);
  Request request = greedy(prompt, 10);
  request.thinking = {.max_tokens = 2,
                      .min_answer_tokens = 0,
                      .think_end_id = 81,
                      .starts_open = true,
                      .force_ids = {81, 82}};
  const Received received = receive(*test.submit(std::move(request)));
  auto expected = ScriptedRunner::expected(prompt, 2);
  expected.insert(expected.end(), {81, 82});
  auto fed = prompt;
  fed.insert(fed.end(), expected.begin(), expected.end());
  for (int32_t id : ScriptedRunner::expected(fed, 6)) expected.push_back(id);
  EXPECT_EQ(received.tokens, expected);
  EXPECT_EQ(received.last.usage.reasoning_tokens, 2);
  int num_forced = 0;
  for (const TokenEvent& event : received.events) num_forced += event.forced;
  EXPECT_EQ(num_forced, 2);
}

TEST(Engine, UnknownIdsAreNeverSampled) {
  TestEngine test;
  Request request = greedy(prompt_of(1, 4), 150);
  request.sampling = {.temperature = 50.0, .seed = 3, .num_logprobs = 100};
  const Received received = receive(*test.submit(std::move(request)));
  EXPECT_GT(received.tokens.size(), 10u);
  for (int32_t id : received.tokens) EXPECT_LT(id, 90);
  for (const TokenEvent& event : received.events) {
    if (!event.token_id) continue;
    ASSERT_EQ(event.logprobs.size(), 101u);
    double mass = 0;
    for (size_t i = 1; i < event.logprobs.size(); ++i) mass += std::exp(event.logprobs[i].logprob);
    EXPECT_NEAR(mass, 1.0, 1e-5);
  }
}

TEST(Engine, LoopsAreStoppedWhenAsked) {
  TestEngine test;
  for (const bool enabled : {false, true}) {
    Request request = greedy(prompt_of(1, 4), 150);
    request.sampling.logit_bias = {{7, 100.0}};
    request.loop.enabled = enabled;
    const Received received = receive(*test.submit(std::move(request)));
    EXPECT_EQ(received.last.finish, enabled ? FinishReason::kRepetition : FinishReason::kLength);
    EXPECT_EQ(received.tokens.size() < 150, enabled);
  }
}

TEST(Engine, ALoopInsideAThoughtEndsTheThought) {
  TestEngine test;
  Request request = greedy(prompt_of(1, 4), 150);
  request.sampling.logit_bias = {{7, 100.0}};
  request.loop.enabled = true;
  request.thinking = {
      .min_answer_tokens = 0, .think_end_id = 81, .starts_open = true, .force_ids = {81, 82}};
  const Received received = receive(*test.submit(std::move(request)));
  const auto end = std::ranges::find(received.tokens, 81);
  ASSERT_LT(received.tokens.end() - end, 140);
  ASSERT_GT(received.tokens.end() - end, 10);  // the answer is looked at anew
  EXPECT_EQ(end[1], 82);
  EXPECT_EQ(std::ranges::count(received.tokens, 81), 1);
  EXPECT_EQ(received.last.finish, FinishReason::kRepetition);
  EXPECT_LT(received.tokens.size(), 150u);
}

TEST(Engine, AFailedStepEndsItsBatchOnlyAndTheEngineGoesOn) {
  TestEngine test;
  const Received thrown = receive(*test.submit(greedy({1, 2, ScriptedRunner::kThrows}, 5)));
  EXPECT_EQ(thrown.last.finish, FinishReason::kError);
  ASSERT_TRUE(thrown.last.error);
  EXPECT_EQ(thrown.last.error->code, Code::kInternal);
  EXPECT_EQ(thrown.last.error->message, "the model failed: boom");

  const Received full = receive(*test.submit(greedy({ScriptedRunner::kThrowsNoMemory}, 5)));
  EXPECT_EQ(full.last.error->code, Code::kResourceExhausted);

  const Received nan = receive(*test.submit(greedy({ScriptedRunner::kGivesNan}, 5)));
  EXPECT_EQ(nan.last.finish, FinishReason::kError);
  EXPECT_THAT(nan.last.error->message, HasSubstr("float32"));

  // During decode: a logit bias makes the fatal token come out of the first step.
  Request request = greedy({1, 2}, 5);
  request.thinking = {.max_tokens = 0, .starts_open = true, .force_ids = {ScriptedRunner::kThrows}};
  const Received late = receive(*test.submit(std::move(request)));
  EXPECT_EQ(late.last.finish, FinishReason::kError);
  EXPECT_EQ(late.tokens.size(), 1u);

  const auto prompt = prompt_of(9, 9);
  EXPECT_EQ(receive(*test.submit(greedy(prompt, 5))).tokens, ScriptedRunner::expected(prompt, 5));
  EXPECT_EQ(test.engine->metrics().num_failed, 4);
  EXPECT_TRUE(all_states_gone(*test.shared));
}

TEST(Engine, TheEndOfItsThreadIsVisible) {
  TestEngine test;
  EXPECT_TRUE(test.engine->metrics().alive);
  test.shared->step_ms = 1;
  const auto running = test.submit(greedy(prompt_of(1, 5), 150));
  while (!running->next().token_id) {
  }
  test.shared->breaks = true;
  const Received received = receive(*running);
  ASSERT_TRUE(received.last.error);
  EXPECT_EQ(received.last.error->code, Code::kInternal);
  EXPECT_THAT(received.last.error->message, HasSubstr("a broken engine"));
  EXPECT_FALSE(test.engine->metrics().alive);
  const auto refused = test.engine->submit(greedy(prompt_of(1, 5), 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().message, testing::Not(HasSubstr("a broken engine")));
  EXPECT_TRUE(all_states_gone(*test.shared));
}

TEST(Engine, AFullCachePutsTheYoungestBackAndAllEndAsAlone) {
  TestEngine test({.prefill_chunk_tokens = 4, .max_running_requests = 4});
  test.shared->cache_tokens = 60;
  test.shared->step_ms = 1;
  std::vector<std::unique_ptr<TokenStream>> streams;
  for (int i = 0; i < 8; ++i) streams.push_back(test.submit(greedy(prompt_of(i, 6 + i), 30)));
  streams.push_back(test.submit(with_picture(21, 30)));
  for (int i = 0; i < 8; ++i) {
    const Received received = receive(*streams[i]);
    EXPECT_EQ(received.tokens, ScriptedRunner::expected(prompt_of(i, 6 + i), 30)) << i;
    EXPECT_EQ(received.last.usage.prompt_tokens, 6 + i);
    EXPECT_EQ(received.last.usage.completion_tokens, 30);
  }
  EXPECT_EQ(receive(*streams[8]).tokens,
            ScriptedRunner::expected({1, 2, 3, 4, 4, 4, 4, 5}, 30, {21}));
  EXPECT_GT(test.engine->metrics().num_preempted, 3);
  EXPECT_TRUE(all_states_gone(*test.shared));
  EXPECT_EQ(test.shared->num_reserved, 0);
}

TEST(Engine, ARequestThatNeverFitsEndsWithItsReasonAndTheOthersGoOn) {
  TestEngine test;
  test.shared->cache_tokens = 20;  // less than the engine was promised
  const Received prompt = receive(*test.submit(greedy(prompt_of(1, 21), 5)));
  ASSERT_TRUE(prompt.last.error);
  EXPECT_EQ(prompt.last.error->code, Code::kResourceExhausted);
  const Received answer = receive(*test.submit(greedy(prompt_of(1, 15), 50)));
  ASSERT_TRUE(answer.last.error);
  EXPECT_EQ(answer.last.error->code, Code::kResourceExhausted);
  EXPECT_EQ(answer.tokens.size(), 6u);
  EXPECT_EQ(receive(*test.submit(greedy(prompt_of(2, 9), 5))).tokens,
            ScriptedRunner::expected(prompt_of(2, 9), 5));
}

TEST(Engine, APromptLargerThanTheCacheIsRefused) {
  TestEngine test({.kv_cache_tokens = 64});
  const auto refused = test.engine->submit(greedy(prompt_of(1, 64), 5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message,
              HasSubstr("64 tokens and the maximum context length is 64 tokens"));
  // What fits is answered up to the last token that does.
  const Received received = receive(*test.submit(greedy(prompt_of(1, 60), 50)));
  EXPECT_EQ(received.tokens.size(), 4u);
  EXPECT_EQ(received.last.finish, FinishReason::kLength);
}

TEST(Engine, CachedTokensAreReportedAndNotReadAgain) {
  TestEngine test;
  test.shared->prefix_tokens = 8;
  const auto prompt = prompt_of(3, 13);
  const Received received = receive(*test.submit(greedy(prompt, 5)));
  EXPECT_EQ(received.tokens, ScriptedRunner::expected(prompt, 5));
  EXPECT_EQ(received.last.usage.cached_tokens, 8);
  EXPECT_EQ(received.last.usage.prompt_tokens, 13);
  const EngineMetrics metrics = test.engine->metrics();
  EXPECT_EQ(metrics.prompt_tokens, 5);
  EXPECT_EQ(metrics.cached_tokens, 8);
}

TEST(Engine, CancelEndsInEveryState) {
  TestEngine test({.prefill_chunk_tokens = 4, .max_running_requests = 2});
  test.shared->step_ms = 3;
  auto decoding = test.submit(greedy(prompt_of(1, 4), 190));
  for (int i = 0; i < 3;) i += decoding->next().token_id.has_value();
  auto encoding = test.submit(with_picture(1, 100));
  while (encoding->next().progress->phase != Phase::kEncodingMedia) {
  }
  auto waiting = test.submit(greedy(prompt_of(2, 4), 10));
  test.engine->cancel(waiting->id());
  EXPECT_EQ(receive(*waiting).last.finish, FinishReason::kCancelled);
  test.engine->cancel(encoding->id());
  EXPECT_EQ(receive(*encoding).last.finish, FinishReason::kCancelled);
  test.engine->cancel(decoding->id());
  const Received received = receive(*decoding);
  EXPECT_EQ(received.last.finish, FinishReason::kCancelled);
  EXPECT_LT(received.last.usage.completion_tokens, 190);
  test.engine->cancel(12345);
  EXPECT_TRUE(all_states_gone(*test.shared));
}

TEST(Engine, DestroyedStreamCancelsItsRequest) {
  TestEngine test({.max_running_requests = 1});
  test.shared->step_ms = 2;
  test.submit(greedy(prompt_of(1, 4), 190)).reset();
  const auto prompt = prompt_of(2, 4);
  EXPECT_EQ(receive(*test.submit(greedy(prompt, 3))).tokens, ScriptedRunner::expected(prompt, 3));
  EXPECT_LT(test.shared->num_decodes, 100);
}

TEST(Engine, DestroyedEngineEndsItsStreams) {
  auto test = std::make_unique<TestEngine>(EngineOptions{.max_running_requests = 1});
  test->shared->step_ms = 2;
  auto running = test->submit(greedy(prompt_of(1, 4), 190));
  auto waiting = test->submit(greedy(prompt_of(1, 4), 190));
  test.reset();
  EXPECT_EQ(receive(*running).last.finish, FinishReason::kCancelled);
  EXPECT_EQ(receive(*waiting).last.finish, FinishReason::kCancelled);
}

TEST(Engine, TwoEnginesInOneProcess) {
  TestEngine a, b({.prefill_chunk_tokens = 2});
  const auto prompt = prompt_of(5, 11);
  auto stream_a = a.submit(greedy(prompt, 20));
  auto stream_b = b.submit(greedy(prompt, 20));
  EXPECT_EQ(receive(*stream_a).tokens, receive(*stream_b).tokens);
}

// A prompt whose last three tokens stood before, and whose first `right` tokens behind that place
// are what the scripted model says next, but not the one after them.
std::vector<int32_t> guessable(int right) {
  for (int32_t filler = 0;; ++filler) {
    for (int32_t x = 0; x < 80 * 80; ++x) {
      const std::vector<int32_t> prompt = {11,          12,          13, x % 80, x / 80,
                                           filler % 80, filler / 80, 11, 12,     13};
      const auto next = ScriptedRunner::expected(prompt, 3);
      int same = 0;
      while (same < 3 && next[same] == prompt[3 + same]) ++same;
      if (same == right) return prompt;
    }
  }
}

// Right and wrong guesses, ends in the middle of a draft, a cache too small for one.
TEST(Engine, GuessedTokensChangeNothingButTheNumberOfSteps) {
  for (const int right : {0, 1, 2}) {
    const std::vector<int32_t> prompt = guessable(right);
    for (const int64_t draft : {0, 1, 3, 8}) {
      for (const int num_tokens : {1, 2, 12}) {
        for (const int64_t cache : {int64_t{1} << 20, int64_t{12 + num_tokens}}) {
          SCOPED_TRACE(testing::Message() << right << " right of " << draft << ", " << num_tokens
                                          << " tokens, cache " << cache);
          TestEngine test({.prefill_chunk_tokens = 5, .draft_tokens = draft});
          test.shared->cache_tokens = cache;
          const Received received = receive(*test.submit(greedy(prompt, num_tokens)));
          EXPECT_EQ(received.tokens, ScriptedRunner::expected(prompt, num_tokens));
          EXPECT_TRUE(all_states_gone(*test.shared));
          EXPECT_EQ(test.shared->num_reserved, 0);
          EXPECT_EQ(test.engine->metrics().generated_tokens, num_tokens);
        }
      }
    }
  }
}

TEST(Engine, RightGuessesSaveSteps) {
  // The first token comes from the prompt: then the last three stand before no more, but two do.
  std::vector<int32_t> prompt = {11, 12, 13, 0, 0, 40, 11, 12};
  for (int32_t x = 0;; ++x) {
    prompt[3] = x % 80;
    prompt[5] = x / 80;
    const auto next = ScriptedRunner::expected(prompt, 2);
    if (next[0] == 13 && next[1] == prompt[3]) break;
  }
  TestEngine test({.draft_tokens = 1});
  const Received received = receive(*test.submit(greedy(prompt, 3)));
  EXPECT_EQ(received.tokens, ScriptedRunner::expected(prompt, 3));
  EXPECT_EQ(test.shared->num_decodes, 1);  // one pass gives the second and the third
  EXPECT_EQ(test.engine->metrics().drafted_tokens, 1);
  EXPECT_EQ(test.engine->metrics().accepted_tokens, 1);
}

TEST(Engine, SeedsAreIndependentOfTheBatch) {
  const auto run = [](int num_others) {
    TestEngine test;
    test.shared->step_ms = 1;
    std::vector<std::unique_ptr<TokenStream>> others;
    for (int i = 0; i < num_others; ++i) {
      Request other = greedy(prompt_of(i, 6), 50);
      other.sampling = {.temperature = 3.0};
      others.push_back(test.submit(std::move(other)));
    }
    Request request = greedy(prompt_of(1, 6), 30);
    request.sampling = {.temperature = 3.0, .seed = 42};
    request.stop.ignore_eos = true;
    return receive(*test.submit(std::move(request))).tokens;
  };
  EXPECT_EQ(run(0), run(5));
}

TEST(Engine, BadRequestsAreRefusedBeforeAnyCompute) {
  TestEngine test;
  struct Case {
    std::function<void(Request&)> change;
    std::string message;
  };
  const double nan = std::nan("");
  const std::vector<Case> cases = {
      {[](Request& r) { r.input.input_ids.clear(); }, "no tokens"},
      {[](Request& r) { r.input.input_ids.assign(200, 1); }, "200 tokens (0 of them"},
      {[](Request& r) { r.input.input_ids[1] = 100; }, "input_ids[1] is 100"},
      {[](Request& r) { r.input.input_ids[2] = -1; }, "input_ids[2] is -1"},
      {[](Request& r) { r.thinking.force_ids = {500}; }, "thinking.force_ids[0]"},
      {[](Request& r) { r.sampling.temperature = -1; }, "temperature is -1"},
      {[nan](Request& r) { r.sampling.temperature = nan; }, "temperature is nan"},
      {[](Request& r) { r.sampling.top_p = 1.5; }, "top_p is 1.5"},
      {[](Request& r) { r.sampling.top_k = -2; }, "top_k is -2"},
      {[](Request& r) { r.sampling.min_p = -0.1; }, "min_p is -0.1"},
      {[](Request& r) { r.sampling.repetition_penalty = 0; }, "repetition_penalty is 0"},
      {[nan](Request& r) { r.sampling.presence_penalty = nan; }, "presence_penalty"},
      {[](Request& r) { r.sampling.frequency_penalty = 1e9; }, "frequency_penalty"},
      {[](Request& r) { r.sampling.logit_bias[300] = 1; }, "logit_bias: there is no token 300"},
      {[nan](Request& r) { r.sampling.logit_bias[3] = nan; }, "logit_bias is nan"},
      {[](Request& r) { r.sampling.num_logprobs = 101; }, "logprobs of 101"},
      {[](Request& r) { r.stop.max_new_tokens = 0; }, "max_new_tokens is 0"},
      {[](Request& r) { r.stop.stop_strings = {"x", ""}; }, "stop string is empty"},
      {[](Request& r) { r.input.mm_token_types = {0}; }, "mm_token_types has 1"},
      {[](Request& r) { r.input.position_ids[1] = {0}; }, "position_ids has 1"},
      {[](Request& r) { r.input.mm_token_types = {0, 1, 0, 0}; }, "1 image tokens"},
      {[](Request& r) {
         r = with_picture(1, 5);
         r.input.media[0].patches.pop_back();
       },
       "media[0] has 63 patch values"},
      {[](Request& r) {
         r = with_picture(1, 5);
         r.input.media[0].grid = {1, 3, 4};
       },
       "media[0] has the grid 1x3x4"},
      {[](Request& r) {
         r = with_picture(1, 5);
         r.input.media[0].grid = {1, 0, 4};
       },
       "media[0] has the grid 1x0x4"},
      {[](Request& r) {
         r = with_picture(1, 5);
         r.input.media.push_back(r.input.media[0]);
       },
       "4 image tokens but its 2 pictures give 8"},
      {[](Request& r) {
         r = with_picture(1, 5);
         r.input.input_ids.assign(250, 4);
         r.input.mm_token_types.assign(250, 1);
       },
       "--max-pixels"},
  };
  for (const Case& test_case : cases) {
    Request request = greedy({1, 2, 3, 4}, 5);
    test_case.change(request);
    const auto result = test.engine->submit(std::move(request));
    ASSERT_FALSE(result) << test_case.message;
    EXPECT_EQ(result.error().code, Code::kInvalidArgument);
    EXPECT_THAT(result.error().message, HasSubstr(test_case.message));
  }
  EXPECT_EQ(test.engine->metrics().num_finished, 0);
}

TEST(Engine, ContextLimitEndsTheOutput) {
  TestEngine test({.max_context_tokens = 12, .prefill_chunk_tokens = 5});
  EXPECT_EQ(test.engine->max_context_tokens(), 12);
  const Received received = receive(*test.submit(greedy(prompt_of(1, 8), -1)));
  EXPECT_EQ(received.tokens.size(), 4u);
  EXPECT_EQ(received.last.finish, FinishReason::kLength);
  EXPECT_EQ(receive(*test.submit(greedy(prompt_of(1, 11), -1))).tokens.size(), 1u);
  EXPECT_FALSE(test.engine->submit(greedy(prompt_of(1, 12), -1)));
}

TEST(MakeEngine, RefusesLimitsTheModelDoesNotHave) {
  for (const EngineOptions& options :
       {EngineOptions{.max_context_tokens = 201}, EngineOptions{.max_context_tokens = -1},
        EngineOptions{.prefill_chunk_tokens = 0}, EngineOptions{.max_running_requests = 0}}) {
    const auto shared = std::make_shared<ScriptedRunner::Shared>();
    EXPECT_FALSE(make_engine(std::make_unique<ScriptedRunner>(shared),
                             {.options = options, .config = test_config()}));
  }
}

TEST(Engine, StopStringsNeedATokenizer) {
  const auto shared = std::make_shared<ScriptedRunner::Shared>();
  const auto engine =
      make_engine(std::make_unique<ScriptedRunner>(shared), {.config = test_config()});
  ASSERT_TRUE(engine);
  Request request = greedy({1, 2}, 5);
  request.stop.stop_strings = {"x"};
  EXPECT_FALSE((*engine)->submit(std::move(request)));
  EXPECT_EQ(receive(**(*engine)->submit(greedy({1, 2}, 5))).tokens,
            ScriptedRunner::expected({1, 2}, 5));
}

}  // namespace
}  // namespace glmv::runtime
