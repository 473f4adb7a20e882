#include "glmv/runtime/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "glmv/base/check.h"
#include "glmv/base/random.h"

namespace glmv::runtime {
namespace {

std::unique_ptr<Sequence> make_sequence(RequestId id, int64_t num_tokens, size_t num_media = 0,
                                        int64_t priority = 0) {
  auto handle = std::make_shared<RequestHandle>();
  handle->id = id;
  Request request;
  request.input.input_ids.assign(num_tokens, 1);
  request.input.media.resize(num_media);
  request.priority = priority;
  return std::make_unique<Sequence>(std::move(handle), std::move(request));
}

// Does a step the way the engine does, with tokens 7, and says what was done: "s1", "m1", "p1:4",
// "d12". `num_cached` tokens of a sequence that starts are in the cache.
std::string perform(Scheduler& scheduler, const Step& step, int64_t num_cached = 0) {
  std::string text;
  switch (step.kind) {
    case Step::Kind::kIdle:
      return "idle";
    case Step::Kind::kStart: {
      Sequence& sequence = *step.sequences[0];
      std::vector<size_t> media(sequence.request.input.media.size());
      for (size_t i = 0; i < media.size(); ++i) media[i] = i;
      scheduler.started(sequence, std::min(num_cached, sequence.num_tokens() - 1),
                        std::move(media));
      return fmt::format("s{}", sequence.handle->id);
    }
    case Step::Kind::kEncodeMedium:
      scheduler.medium_encoded(*step.sequences[0]);
      return fmt::format("m{}", step.sequences[0]->handle->id);
    case Step::Kind::kPrefill: {
      Sequence& sequence = *step.sequences[0];
      scheduler.prefilled(sequence, step.num_tokens);
      if (sequence.num_computed == sequence.num_tokens()) scheduler.token_generated(sequence, 7);
      return fmt::format("p{}:{}", sequence.handle->id, step.num_tokens);
    }
    case Step::Kind::kDecode:
      text = "d";
      for (Sequence* sequence : step.sequences) {
        scheduler.token_generated(*sequence, 7);
        text += std::to_string(sequence->handle->id);
      }
      return text;
  }
  return text;
}

TEST(Scheduler, OneRequestIsReadInChunksThenDecoded) {
  Scheduler scheduler({.max_running = 2, .prefill_chunk_tokens = 4});
  scheduler.add(make_sequence(1, 10, 2));
  std::vector<std::string> done;
  for (int i = 0; i < 8; ++i) done.push_back(perform(scheduler, scheduler.next_step()));
  EXPECT_THAT(done, testing::ElementsAre("s1", "m1", "m1", "p1:4", "p1:4", "p1:2", "d1", "d1"));
  EXPECT_NE(scheduler.remove(1), nullptr);
  EXPECT_EQ(scheduler.remove(1), nullptr);
  EXPECT_TRUE(scheduler.empty());
  EXPECT_EQ(perform(scheduler, scheduler.next_step()), "idle");
}

TEST(Scheduler, ReadingAlternatesWithDecodingInOrderOfArrival) {
  Scheduler scheduler({.max_running = 2, .prefill_chunk_tokens = 4});
  scheduler.add(make_sequence(1, 3));
  scheduler.add(make_sequence(2, 9, 1));
  scheduler.add(make_sequence(3, 2));
  std::vector<std::string> done;
  for (int i = 0; i < 11; ++i) done.push_back(perform(scheduler, scheduler.next_step()));
  EXPECT_THAT(done, testing::ElementsAre("s1", "p1:3", "d1", "s2", "m2", "d1", "p2:4", "d1", "p2:4",
                                         "d1", "p2:1"));
  EXPECT_EQ(scheduler.num_waiting(), 1);
  scheduler.remove(1);
  EXPECT_EQ(perform(scheduler, scheduler.next_step()), "d2");
  EXPECT_EQ(perform(scheduler, scheduler.next_step()), "s3");
  EXPECT_EQ(perform(scheduler, scheduler.next_step()), "p3:2");
  EXPECT_EQ(perform(scheduler, scheduler.next_step()), "d23");
}

TEST(Scheduler, ChunksEndAtMultiplesOfTheirSizeBehindACachedPrefix) {
  Scheduler scheduler({.max_running = 2, .prefill_chunk_tokens = 4});
  scheduler.add(make_sequence(1, 12));
  std::vector<std::string> done;
  for (int i = 0; i < 4; ++i) done.push_back(perform(scheduler, scheduler.next_step(), 6));
  EXPECT_THAT(done, testing::ElementsAre("s1", "p1:2", "p1:4", "d1"));
}

TEST(Scheduler, ChunksAreShorterWhileOthersDecode) {
  Scheduler scheduler({.max_running = 2, .prefill_chunk_tokens = 8, .busy_chunk_tokens = 3});
  scheduler.add(make_sequence(1, 9));
  scheduler.add(make_sequence(2, 10));
  std::vector<std::string> done;
  for (int i = 0; i < 8; ++i) done.push_back(perform(scheduler, scheduler.next_step()));
  EXPECT_THAT(done, testing::ElementsAre("s1", "p1:8", "p1:1", "d1", "s2", "p2:3", "d1", "p2:3"));
  scheduler.remove(1);
  EXPECT_EQ(perform(scheduler, scheduler.next_step()), "p2:2");
}

TEST(Scheduler, APreemptedSequenceReadsItsTokensAgainWhenAnotherHasLeft) {
  Scheduler scheduler({.max_running = 2, .prefill_chunk_tokens = 8});
  scheduler.add(make_sequence(1, 3));
  scheduler.add(make_sequence(2, 5, 1));
  scheduler.add(make_sequence(3, 2));
  std::vector<std::string> done;
  for (int i = 0; i < 9; ++i) done.push_back(perform(scheduler, scheduler.next_step()));
  EXPECT_THAT(done,
              testing::ElementsAre("s1", "p1:3", "d1", "s2", "m2", "d1", "p2:5", "d12", "d12"));
  const Sequence& youngest = scheduler.preempt_last();
  EXPECT_EQ(youngest.handle->id, 2u);
  EXPECT_EQ(youngest.num_generated(), 3);
  scheduler.check_integrity();
  EXPECT_EQ(perform(scheduler, scheduler.next_step()), "d1");
  EXPECT_EQ(scheduler.num_waiting(), 2);  // nobody takes the freed place
  scheduler.remove(1);
  done.clear();
  for (int i = 0; i < 7; ++i) {
    done.push_back(perform(scheduler, scheduler.next_step()));
    scheduler.check_integrity();
  }
  // Eight tokens: the prompt and what was generated. The picture is encoded again only where the
  // runner asks for it.
  EXPECT_THAT(done, testing::ElementsAre("s2", "m2", "p2:8", "d2", "s3", "p3:2", "d23"));
}

std::vector<std::string> next_steps(Scheduler& scheduler, int n) {
  std::vector<std::string> done;
  for (int i = 0; i < n; ++i) {
    done.push_back(perform(scheduler, scheduler.next_step()));
    scheduler.check_integrity();
  }
  return done;
}

TEST(Scheduler, BetterPrioritiesFirstThenFirstCome) {
  Scheduler scheduler({.max_running = 1, .prefill_chunk_tokens = 8});
  scheduler.add(make_sequence(1, 2, 0, 5));
  EXPECT_THAT(next_steps(scheduler, 1), testing::ElementsAre("s1"));
  scheduler.add(make_sequence(2, 2, 0, 5));
  scheduler.add(make_sequence(3, 2, 0, -1));
  scheduler.add(make_sequence(4, 2, 0, 0));
  scheduler.add(make_sequence(5, 2, 0, -1));
  EXPECT_THAT(next_steps(scheduler, 2), testing::ElementsAre("p1:2", "d1"));
  for (const RequestId id : {1, 3, 5, 4}) {
    scheduler.remove(id);
    next_steps(scheduler, 1);
  }
  EXPECT_EQ(scheduler.sequences()[0]->handle->id, 2u);
}

TEST(Scheduler, ThePromptOfABetterPriorityIsReadFirst) {
  Scheduler scheduler({.max_running = 3, .prefill_chunk_tokens = 4});
  scheduler.add(make_sequence(1, 10, 0, 1));
  EXPECT_THAT(next_steps(scheduler, 2), testing::ElementsAre("s1", "p1:4"));
  scheduler.add(make_sequence(2, 5, 0, 0));
  EXPECT_THAT(next_steps(scheduler, 6),
              testing::ElementsAre("s2", "p2:4", "p2:1", "d2", "p1:4", "d2"));
}

TEST(Scheduler, TheLowestPriorityIsPreemptedThenTheYoungest) {
  Scheduler scheduler({.max_running = 4, .prefill_chunk_tokens = 4});
  const int64_t priorities[] = {0, 7, 7, 0};
  for (RequestId id = 1; id <= 4; ++id) {
    scheduler.add(make_sequence(id, 2, 0, priorities[id - 1]));
  }
  next_steps(scheduler, 12);
  for (const RequestId id : {3, 2, 4, 1}) {
    EXPECT_EQ(scheduler.preempt_last().handle->id, id);
    scheduler.check_integrity();
  }
  EXPECT_EQ(scheduler.num_waiting(), 4);
}

TEST(Scheduler, WhatDoesNotFitWaitsAndNobodyPassesIt) {
  Scheduler scheduler({.max_running = 4, .prefill_chunk_tokens = 4});
  scheduler.add(make_sequence(1, 2));
  EXPECT_THAT(next_steps(scheduler, 2), testing::ElementsAre("s1", "p1:2"));
  scheduler.add(make_sequence(2, 50));
  scheduler.add(make_sequence(3, 1));
  EXPECT_THAT(next_steps(scheduler, 1), testing::ElementsAre("d1"));
  EXPECT_EQ(scheduler.next_step().sequences[0]->handle->id, 2u);
  scheduler.put_back_starting();
  scheduler.check_integrity();
  EXPECT_EQ(scheduler.num_waiting(), 2);
  EXPECT_THAT(next_steps(scheduler, 2), testing::ElementsAre("d1", "d1"));
  scheduler.remove(1);
  EXPECT_THAT(next_steps(scheduler, 1), testing::ElementsAre("s2"));
}

// One place, and short requests of better priority come in faster than they are served.
TEST(Scheduler, NobodyStarves) {
  for (const int64_t memory_short : {0, 1}) {
    Scheduler scheduler({.max_running = 2, .max_passed = 10, .prefill_chunk_tokens = 4});
    scheduler.add(make_sequence(1, 30, 0, 9));
    scheduler.add(make_sequence(2, 30, 0, 5));
    RequestId last_id = 2;
    const auto run = [&] {
      for (int i = 0; i < 2; ++i) scheduler.add(make_sequence(++last_id, 1, 0, -3));
      const Step step = scheduler.next_step();
      if (step.kind == Step::Kind::kStart && memory_short != 0 && scheduler.num_started() > 0) {
        scheduler.put_back_starting();  // only one fits
      } else {
        perform(scheduler, step);
        for (Sequence* sequence : step.sequences) {
          if (sequence->num_generated() >= 2) scheduler.remove(sequence->handle->id);
        }
      }
      scheduler.check_integrity();
    };
    const auto here = [&](RequestId id) {
      const auto all = scheduler.sequences();
      return std::ranges::any_of(all, [id](Sequence* s) { return s->handle->id == id; });
    };
    int num_steps = 0;
    while ((here(1) || here(2)) && num_steps < 1000) {
      run();
      ++num_steps;
    }
    EXPECT_LT(num_steps, 150) << memory_short;
  }
}

TEST(Scheduler, IntegrityCheckFindsDamage) {
  const auto damaged = [](auto damage) {
    Scheduler scheduler({.max_running = 1, .prefill_chunk_tokens = 4});
    scheduler.add(make_sequence(1, 10));
    scheduler.add(make_sequence(2, 10));
    perform(scheduler, scheduler.next_step());
    perform(scheduler, scheduler.next_step());
    scheduler.check_integrity();
    damage(scheduler);
    EXPECT_THROW(scheduler.check_integrity(), InternalError);
  };
  damaged([](Scheduler& s) { s.sequences()[0]->num_computed = 11; });
  damaged([](Scheduler& s) { s.sequences()[0]->handle->id = 2; });
  damaged([](Scheduler& s) { s.sequences()[1]->rank = 1; });
  damaged([](Scheduler& s) { s.sequences()[1]->times_passed = 64; });
  damaged([](Scheduler& s) { s.sequences()[0]->tokens.resize(4); });
  damaged([](Scheduler& s) { s.sequences()[0]->state = SequenceState::kWaiting; });
  damaged([](Scheduler& s) { s.sequences()[1]->state = SequenceState::kPrefill; });
  damaged([](Scheduler& s) { s.sequences()[1]->media_left = {0}; });
}

// Thousands of random arrivals, steps, ends and cancellations.
TEST(Scheduler, RandomOperationsKeepTheInvariants) {
  Random random(17);
  int64_t num_steps = 0, num_finished = 0, num_cancelled = 0, num_preempted = 0;
  for (int round = 0; round < 60; ++round) {
    const int64_t max_running = random.between(1, 6);
    Scheduler scheduler({.max_running = max_running, .prefill_chunk_tokens = random.between(1, 9)});
    RequestId last_id = 0;
    RequestId last_admitted = 0;
    std::map<RequestId, int64_t> budget;  // tokens until the sequence ends by itself
    std::set<RequestId> starving;         // decoding when the last reading step was taken
    bool short_of_memory = false;         // since a preemption
    bool draining = false;
    for (int i = 0; !(draining && scheduler.empty()); ++i) {
      ASSERT_LT(i, 5000) << "the scheduler does not come to an end";
      draining = i > 150;
      if (!draining && random.below(4) == 0) {
        scheduler.add(make_sequence(++last_id, random.between(1, 30), random.below(4),
                                    random.between(0, 2) - 1));
        budget[last_id] = random.between(1, 12);
      }
      if (random.below(25) == 0 && last_id > 0) {
        const RequestId id = 1 + random.below(last_id);
        const int64_t num_running = scheduler.num_running();
        num_cancelled += scheduler.remove(id) != nullptr;
        if (scheduler.num_running() < num_running) short_of_memory = false;
        starving.erase(id);
      }
      if (random.below(20) == 0 && scheduler.num_running() > 1) {
        starving.erase(scheduler.preempt_last().handle->id);
        short_of_memory = true;
        ++num_preempted;
      }
      const Step step = scheduler.next_step();
      ++num_steps;
      ASSERT_TRUE(scheduler.num_waiting() == 0 || scheduler.num_running() == max_running ||
                  short_of_memory);
      ASSERT_EQ(step.kind == Step::Kind::kIdle, scheduler.empty());
      for (Sequence* sequence : step.sequences) {
        last_admitted = std::max(last_admitted, sequence->handle->id);
      }
      if (step.kind == Step::Kind::kDecode) {
        std::set<RequestId> decoding;
        for (Sequence* sequence : step.sequences) decoding.insert(sequence->handle->id);
        for (RequestId id : starving) ASSERT_TRUE(decoding.contains(id));
        starving.clear();
      } else if (step.kind != Step::Kind::kIdle && step.kind != Step::Kind::kStart) {
        ASSERT_TRUE(starving.empty()) << "invariant 6";
        for (Sequence* sequence : scheduler.sequences()) {
          if (sequence->state == SequenceState::kDecode) starving.insert(sequence->handle->id);
          // Nothing that comes before is still unread.
          if (sequence->state != SequenceState::kWaiting &&
              comes_before(*sequence, *step.sequences[0])) {
            ASSERT_EQ(sequence->state, SequenceState::kDecode);
          }
        }
      }
      perform(scheduler, step, static_cast<int64_t>(random.below(12)));
      for (Sequence* sequence : step.sequences) {
        const RequestId id = sequence->handle->id;
        if (sequence->num_generated() < budget[id]) continue;
        scheduler.remove(id);
        short_of_memory = false;
        starving.erase(id);
        ++num_finished;
      }
      scheduler.check_integrity();
    }
  }
  EXPECT_GT(num_steps, 10000);
  EXPECT_GT(num_finished, 500);
  EXPECT_GT(num_cancelled, 50);
  EXPECT_GT(num_preempted, 50);
}

}  // namespace
}  // namespace glmv::runtime
