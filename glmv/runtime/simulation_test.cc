// The engine loop step by step over a simulated model: thousands of random operations, with all
// invariants checked after every step and every answer compared with that of the request alone.
// No tensors: this is what runs under the sanitizers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "glmv/base/random.h"
#include "glmv/processing/media_digest.h"
#include "glmv/processing/position_ids.h"
#include "glmv/runtime/engine_loop.h"
#include "glmv/runtime/simulated_runner.h"

namespace glmv::runtime {
namespace {

constexpr int32_t kPicture = 70;
constexpr int64_t kRoomy = 4000;  // blocks

struct Options {
  int64_t num_blocks = kRoomy;
  bool prefix_cache = true;
  SchedulerOptions scheduling{.max_running = 4, .max_passed = 5, .prefill_chunk_tokens = 7};
  LoopOptions loop{.max_step_ms = 0, .check_integrity = true};  // pauses wherever it may
};

class Simulation {
 public:
  explicit Simulation(const Options& options = {})
      : inbox_(std::make_shared<Inbox>()),
        loop_(inbox_,
              std::make_unique<SimulatedRunner>(shared_, options.num_blocks, options.prefix_cache),
              options.scheduling, options.loop) {
    context_.eos_ids = {85};
    context_.token_bytes = [this](int32_t id) {
      if (id == poisoned_token_) throw std::runtime_error("a bad token");
      return "<" + std::to_string(id) + ">";
    };
  }

  std::shared_ptr<RequestHandle> submit(const Request& request) {
    auto handle = std::make_shared<RequestHandle>();
    auto sequence = std::make_unique<Sequence>(handle, request);
    sequence->generation =
        std::make_unique<Generation>(sequence->request, request.stop.max_new_tokens, context_);
    EXPECT_TRUE(inbox_->put(std::move(sequence)));
    return handle;
  }
  void step() { loop_.step(false); }
  void preempt() { loop_.preempt(); }
  bool idle() const { return loop_.scheduler().empty(); }
  // At least one step, then until nothing is left.
  void finish() {
    int num_steps = 0;
    do {
      step();
      ASSERT_LT(++num_steps, 20000) << "no end";
    } while (!idle());
    EXPECT_EQ(shared_->num_used, 0) << "blocks that nobody gave back";
  }
  EngineMetrics metrics() const { return inbox_->metrics(); }
  SimulatedRunner::Shared& shared() { return *shared_; }
  void poison(int32_t token) { poisoned_token_ = token; }

 private:
  int32_t poisoned_token_ = -1;
  std::shared_ptr<SimulatedRunner::Shared> shared_ = std::make_shared<SimulatedRunner::Shared>();
  GenerationContext context_;
  std::shared_ptr<Inbox> inbox_;
  EngineLoop loop_;
};

struct Answer {
  std::vector<int32_t> tokens;
  TokenEvent last;
};

// Of a request that has ended.
Answer answer_of(RequestHandle& handle) {
  Answer answer;
  while (true) {
    TokenEvent event = handle.queue.pop();
    if (event.token_id) answer.tokens.push_back(*event.token_id);
    if (event.finish == FinishReason::kNone) continue;
    answer.last = std::move(event);
    return answer;
  }
}

std::vector<int32_t> alone(const Request& request) {
  Simulation simulation({.prefix_cache = false});
  const auto handle = simulation.submit(request);
  simulation.finish();
  return answer_of(*handle).tokens;
}

void add_text(processing::ModelInput& input, int32_t first, int64_t num_tokens) {
  for (int64_t i = 0; i < num_tokens; ++i) {
    input.input_ids.push_back(static_cast<int32_t>((first + 3 * i) % 60));
    input.mm_token_types.push_back(0);
  }
}

// Six tokens; `value` is what it shows.
void add_picture(processing::ModelInput& input, float value) {
  input.input_ids.insert(input.input_ids.end(), 6, kPicture);
  input.mm_token_types.insert(input.mm_token_types.end(), 6, 1);
  processing::Medium medium;
  medium.grid = {1, 4, 6};
  medium.patches.assign(24 * 4, value);
  medium.digest = processing::media_digest(medium);
  input.media.push_back(std::move(medium));
}

// Few beginnings and pictures, so that many requests share them.
Request random_request(Random& random) {
  Request request;
  processing::ModelInput& input = request.input;
  add_text(input, static_cast<int32_t>(random.below(3)), 5 + 8 * random.below(2));
  for (uint64_t i = random.below(3); i > 0; --i) {
    add_picture(input, static_cast<float>(random.below(4)));
    add_text(input, static_cast<int32_t>(random.below(2)), random.between(1, 9));
  }
  EXPECT_TRUE(processing::set_position_ids(input, 2));
  request.sampling.temperature = random.below(2) == 0 ? 0.0 : 1.0;
  request.sampling.seed = random.below(100);
  request.stop.max_new_tokens = random.between(1, 25);
  request.priority = random.between(0, 3) - 1;
  if (random.below(4) == 0) request.cache_salt = "tenant";
  return request;
}

TEST(Simulation, RandomOperationsKeepEveryInvariantAndEveryAnswer) {
  constexpr int kSteps = 5000;
  for (const int64_t draft_tokens : {0, 3}) {
    Random random(23);
    // 30 blocks: one request needs up to 18, so most are preempted now and then.
    Simulation simulation(
        {.num_blocks = 30,
         .loop = {.draft_tokens = draft_tokens, .max_step_ms = 0, .check_integrity = true}});
    std::vector<std::pair<Request, std::shared_ptr<RequestHandle>>> requests;
    for (int i = 0; i < kSteps; ++i) {
      if (random.below(12) == 0) {
        Request request = random_request(random);
        requests.emplace_back(request, simulation.submit(request));
      }
      if (random.below(60) == 0 && !requests.empty()) {
        const size_t newest = std::min<size_t>(requests.size(), 3);
        requests[requests.size() - 1 - random.below(newest)].second->cancelled = true;
      }
      if (random.below(30) == 0) simulation.preempt();
      simulation.step();
    }
    simulation.finish();
    int64_t num_complete = 0, num_cancelled = 0;
    for (auto& [request, handle] : requests) {
      const Answer answer = answer_of(*handle);
      std::vector<int32_t> want = alone(request);
      if (answer.last.finish == FinishReason::kCancelled) {
        ASSERT_LE(answer.tokens.size(), want.size());
        want.resize(answer.tokens.size());
        ++num_cancelled;
      } else {
        ASSERT_FALSE(answer.last.error) << answer.last.error->message;
        ++num_complete;
      }
      ASSERT_EQ(answer.tokens, want);
    }
    EXPECT_GT(num_complete, 250);
    EXPECT_GT(num_cancelled, 10);
    const EngineMetrics metrics = simulation.metrics();
    EXPECT_GT(metrics.num_preempted, 60);
    EXPECT_GT(metrics.cached_tokens, 1000);
    EXPECT_GT(simulation.shared().num_shared, 50);
    EXPECT_EQ(metrics.num_failed, 0);
    EXPECT_EQ(metrics.drafted_tokens > 0, draft_tokens > 0);
  }
}

// Three requests of one beginning, one with a picture.
std::vector<Request> three_requests() {
  std::vector<Request> requests(3);
  for (size_t i = 0; i < 3; ++i) {
    processing::ModelInput& input = requests[i].input;
    add_text(input, 1, 9);
    if (i == 1) add_picture(input, 2.0f);
    add_text(input, static_cast<int32_t>(20 + i), 3);
    EXPECT_TRUE(processing::set_position_ids(input, 2));
    requests[i].sampling = {.temperature = 1.0, .seed = 40 + i};
    requests[i].stop.max_new_tokens = 12;
    requests[i].priority = i == 0 ? 1 : 0;
  }
  return requests;
}

struct Outcomes {
  std::vector<Answer> answers;
  int64_t num_steps = 0;
  int64_t num_calls = 0;
  EngineMetrics metrics;
};

Outcomes run_three(const std::function<void(Simulation&, int64_t)>& before_step) {
  Simulation simulation;
  std::vector<std::shared_ptr<RequestHandle>> handles;
  for (const Request& request : three_requests()) handles.push_back(simulation.submit(request));
  Outcomes outcomes;
  do {
    before_step(simulation, outcomes.num_steps++);
    simulation.step();
  } while (!simulation.idle());
  for (const auto& handle : handles) outcomes.answers.push_back(answer_of(*handle));
  EXPECT_EQ(simulation.shared().num_used, 0);
  outcomes.num_calls = simulation.shared().num_calls;
  outcomes.metrics = simulation.metrics();
  return outcomes;
}

TEST(Simulation, APreemptionBeforeAnyStepChangesNoAnswer) {
  std::vector<std::vector<int32_t>> want;
  for (const Request& request : three_requests()) want.push_back(alone(request));
  const Outcomes plain = run_three([](Simulation&, int64_t) {});
  for (size_t i = 0; i < 3; ++i) ASSERT_EQ(plain.answers[i].tokens, want[i]);
  int64_t num_preempted = 0;
  for (int64_t at = 0; at < plain.num_steps; ++at) {
    for (const int times : {1, 3}) {
      const Outcomes outcomes = run_three([&](Simulation& simulation, int64_t step) {
        if (step != at) return;
        for (int i = 0; i < times; ++i) simulation.preempt();
      });
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(outcomes.answers[i].tokens, want[i]) << "step " << at << " request " << i;
      }
      num_preempted += outcomes.metrics.num_preempted;
    }
  }
  EXPECT_GT(num_preempted, 2 * plain.num_steps);
}

TEST(Simulation, AnExceptionInAnyStepEndsItsRequestsOnly) {
  std::vector<std::vector<int32_t>> want;
  for (const Request& request : three_requests()) want.push_back(alone(request));
  const int64_t num_calls = run_three([](Simulation&, int64_t) {}).num_calls;
  std::map<size_t, int> by_number_of_failed;
  for (int64_t at = 0; at < num_calls; ++at) {
    const Outcomes outcomes =
        run_three([&](Simulation& simulation, int64_t) { simulation.shared().throw_at = at; });
    size_t num_failed = 0;
    for (size_t i = 0; i < 3; ++i) {
      const Answer& answer = outcomes.answers[i];
      std::vector<int32_t> expected = want[i];
      if (answer.last.finish == FinishReason::kError) {
        EXPECT_THAT(answer.last.error->message, testing::HasSubstr("a simulated failure"));
        ++num_failed;
        expected.resize(std::min(expected.size(), answer.tokens.size()));
      }
      EXPECT_EQ(answer.tokens, expected) << "call " << at << " request " << i;
    }
    ++by_number_of_failed[num_failed];
    EXPECT_EQ(outcomes.metrics.num_failed, static_cast<int64_t>(num_failed));
  }
  EXPECT_EQ(by_number_of_failed.count(0), 0u);
  EXPECT_GT(by_number_of_failed[1], 5);
  EXPECT_GT(by_number_of_failed[3], 5);
}

TEST(Simulation, AnExceptionWhileSamplingEndsOneRequest) {
  Simulation simulation;
  std::vector<Request> requests = three_requests();
  for (Request& request : requests) request.sampling.temperature = 0;
  requests[1].stop.stop_strings = {"never found"};  // it alone spells its tokens
  const std::vector<int32_t> middle = alone(requests[1]);
  simulation.poison(middle[4]);
  std::vector<std::shared_ptr<RequestHandle>> handles;
  for (const Request& request : requests) handles.push_back(simulation.submit(request));
  simulation.finish();
  for (const size_t i : {0, 2}) {
    EXPECT_EQ(answer_of(*handles[i]).tokens, alone(requests[i])) << i;
  }
  const Answer failed = answer_of(*handles[1]);
  ASSERT_TRUE(failed.last.error);
  EXPECT_THAT(failed.last.error->message, testing::HasSubstr("a bad token"));
  EXPECT_EQ(simulation.metrics().num_failed, 1);
}

// Short requests of a better priority come in faster than they are served, and memory is short.
TEST(Simulation, ALongRequestIsAnsweredUnderConstantLoad) {
  Simulation simulation({.num_blocks = 24});
  Request big;
  add_text(big.input, 3, 60);
  ASSERT_TRUE(processing::set_position_ids(big.input, 2));
  big.sampling.temperature = 0;
  big.stop.max_new_tokens = 20;
  big.priority = 3;
  Request small = three_requests()[2];
  small.priority = -2;
  const auto handle = simulation.submit(big);
  std::vector<std::shared_ptr<RequestHandle>> others;
  int num_steps = 0;
  for (; num_steps < 3000 && simulation.metrics().num_finished < 400; ++num_steps) {
    others.push_back(simulation.submit(small));
    simulation.step();
    if (handle.use_count() == 1) break;  // the engine has let it go
  }
  EXPECT_LT(num_steps, 1000);
  EXPECT_EQ(answer_of(*handle).tokens, alone(big));
}

// As in a server: the loop on its thread, each request submitted, read and now and then cancelled
// on another. For the thread sanitizer above all.
TEST(Simulation, ThreadsSubmitReadAndCancelAtOnce) {
  constexpr int kClients = 4, kRequests = 12;
  const auto shared = std::make_shared<SimulatedRunner::Shared>();
  const auto inbox = std::make_shared<Inbox>();
  GenerationContext context;
  context.eos_ids = {85};
  std::thread engine([&] {
    run_engine(inbox, EngineLoop(inbox, std::make_unique<SimulatedRunner>(shared, 40),
                                 Options().scheduling, Options().loop));
  });
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      Random random(100 + client);
      for (int i = 0; i < kRequests; ++i) {
        const Request request = random_request(random);
        auto handle = std::make_shared<RequestHandle>();
        auto sequence = std::make_unique<Sequence>(handle, request);
        sequence->generation =
            std::make_unique<Generation>(sequence->request, request.stop.max_new_tokens, context);
        ASSERT_TRUE(inbox->put(std::move(sequence)));
        if (random.below(5) == 0) inbox->cancel(handle->id);
        const Answer answer = answer_of(*handle);
        EXPECT_FALSE(answer.last.error);
        EXPECT_GE(inbox->metrics().num_finished, 1);
        if (answer.last.finish == FinishReason::kCancelled) continue;
        EXPECT_EQ(answer.tokens, alone(request));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  inbox->stop();
  engine.join();
  EXPECT_EQ(inbox->metrics().num_finished, kClients * kRequests);
}

}  // namespace
}  // namespace glmv::runtime
