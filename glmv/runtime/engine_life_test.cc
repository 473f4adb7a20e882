// What a watchdog sees of the engine thread.

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "glmv/runtime/engine_internal.h"
#include "glmv/runtime/scripted_runner.h"

namespace glmv::runtime {
namespace {

using namespace std::chrono_literals;

EngineSetup setup() {
  EngineSetup setup{.options = {.prefill_chunk_tokens = 5}, .eos_ids = {85}};
  setup.config.text.vocab_size = ScriptedRunner::kVocabSize;
  setup.config.text.max_position_embeddings = 200;
  return setup;
}

Request some_request() {
  Request request;
  request.input.input_ids = {1, 2, 3};
  request.sampling.temperature = 0;
  request.stop.max_new_tokens = 3;
  return request;
}

TEST(EngineLife, AStepThatTakesLongIsSeen) {
  const auto shared = std::make_shared<ScriptedRunner::Shared>();
  const auto engine = std::move(*make_engine(std::make_unique<ScriptedRunner>(shared), setup()));
  EXPECT_TRUE(engine->metrics().alive);
  EXPECT_EQ(engine->metrics().step_seconds, 0);
  shared->step_ms = 400;
  const auto stream = std::move(*engine->submit(some_request()));
  double longest = 0;
  while (true) {
    const auto event = stream->next_for(10ms);
    longest = std::max(longest, engine->metrics().step_seconds);
    if (event && event->finish != FinishReason::kNone) break;
  }
  EXPECT_GT(longest, 0.2);
  EXPECT_LT(longest, 5);
  for (int i = 0; i < 200 && engine->metrics().step_seconds > 0; ++i)
    std::this_thread::sleep_for(5ms);
  EXPECT_EQ(engine->metrics().step_seconds, 0);  // idle is no step
  EXPECT_GE(engine->metrics().num_steps, 4);     // start, prompt, two more tokens
}

TEST(EngineLife, WaitingForAnEventEnds) {
  const auto shared = std::make_shared<ScriptedRunner::Shared>();
  const auto engine = std::move(*make_engine(std::make_unique<ScriptedRunner>(shared), setup()));
  shared->step_ms = 500;
  const auto stream = std::move(*engine->submit(some_request()));
  int num_nothing = 0;
  while (true) {
    const auto event = stream->next_for(50ms);
    num_nothing += event ? 0 : 1;
    if (event && event->finish != FinishReason::kNone) break;
  }
  EXPECT_GT(num_nothing, 5);
  EXPECT_NE(stream->next_for(50ms)->finish, FinishReason::kNone);  // the last one again and again
}

// Fails outside of any step.
class BrokenRunner final : public ModelRunner {
 public:
  void attach_thread() override { throw std::runtime_error("no thread"); }
  int64_t vocab_size() const override { return ScriptedRunner::kVocabSize; }
  std::optional<Start> start(Sequence&, int64_t) override { return std::nullopt; }
  bool reserve(Sequence&) override { return false; }
  void preempt(Sequence&) override {}
  bool encode_medium(Sequence&, const std::function<Encoding(double)>&) override { return false; }
  std::vector<float> prefill(Sequence&, int64_t) override { return {}; }
  std::vector<float> decode(std::span<Sequence* const>) override { return {}; }
};

TEST(EngineLife, ADeadEngineFailsItsRequestsAndSaysSo) {
  const auto engine = std::move(*make_engine(std::make_unique<BrokenRunner>(), setup()));
  // Whether it ended before a request came or after.
  const auto outcome = [&]() -> Status {
    const auto stream = engine->submit(some_request());
    if (!stream) return stream.error();
    TokenEvent event = (*stream)->next();
    while (event.finish == FinishReason::kNone) event = (*stream)->next();
    EXPECT_EQ(event.finish, FinishReason::kError);
    return *event.error;
  };
  // The one that saw it gets the reason, which the server keeps to its log.
  const Status first = outcome();
  const std::string_view words = first.code == Code::kInternal ? "no thread" : "has ended";
  EXPECT_NE(first.message.find(words), std::string::npos) << first.message;
  const Status second = outcome();
  EXPECT_EQ(second.code, Code::kUnavailable);
  EXPECT_NE(second.message.find("has ended"), std::string::npos) << second.message;
  EXPECT_FALSE(engine->metrics().alive);
}

}  // namespace
}  // namespace glmv::runtime
