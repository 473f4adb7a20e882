#include "glmv/runtime/thinking_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace glmv::runtime {
namespace {

constexpr int32_t kOpen = 100, kClose = 101, kAnswer = 102, kWord = 1;

struct Output {
  std::vector<int32_t> output;
  int64_t num_reasoning = 0;
  int num_forced = 0;
};

// A model that says `script`, then kWord for ever.
Output run(const ThinkingBudget& budget, int64_t max_tokens, std::vector<int32_t> script = {}) {
  ThinkingTracker tracker(budget, max_tokens);
  Output result;
  while (static_cast<int64_t>(result.output.size()) < max_tokens) {
    const auto forced = tracker.forced();
    const size_t i = result.output.size();
    const int32_t id = forced ? *forced : i < script.size() ? script[i] : kWord;
    result.num_forced += forced.has_value();
    tracker.observe(id);
    result.output.push_back(id);
  }
  result.num_reasoning = tracker.num_reasoning_tokens();
  return result;
}

ThinkingBudget budget(int64_t max_tokens, int64_t min_answer, bool open) {
  return {.max_tokens = max_tokens,
          .min_answer_tokens = min_answer,
          .think_start_id = kOpen,
          .think_end_id = kClose,
          .starts_open = open,
          .force_ids = {kClose, kAnswer}};
}

TEST(ThinkingTracker, ForcesTheEndAfterTheBudget) {
  const Output result = run(budget(3, 0, true), 10);
  EXPECT_EQ(result.output, (std::vector<int32_t>{kWord, kWord, kWord, kClose, kAnswer, kWord, kWord,
                                                 kWord, kWord, kWord}));
  EXPECT_EQ(result.num_reasoning, 3);
  EXPECT_EQ(result.num_forced, 2);
}

TEST(ThinkingTracker, CountsFromTheOpeningTagOfTheOutput) {
  const Output result = run(budget(2, 0, false), 8, {kWord, kOpen});
  EXPECT_EQ(result.output,
            (std::vector<int32_t>{kWord, kOpen, kWord, kWord, kClose, kAnswer, kWord, kWord}));
  EXPECT_EQ(result.num_reasoning, 2);
}

TEST(ThinkingTracker, LeavesAThoughtAloneThatEndsInTime) {
  const Output result = run(budget(5, 2, true), 12, {kWord, kClose});
  EXPECT_EQ(result.num_forced, 0);
  EXPECT_EQ(result.num_reasoning, 1);
}

TEST(ThinkingTracker, BudgetZeroAllowsNoThought) {
  EXPECT_EQ(run(budget(0, 0, true), 3).output, (std::vector<int32_t>{kClose, kAnswer, kWord}));
}

TEST(ThinkingTracker, AlwaysLeavesRoomForTheAnswer) {
  for (int64_t max_tokens = 4; max_tokens <= 60; ++max_tokens) {
    for (int64_t min_answer = 0; min_answer <= 30; ++min_answer) {
      const Output result = run(budget(-1, min_answer, true), max_tokens);
      const auto end = std::find(result.output.begin(), result.output.end(), kAnswer);
      ASSERT_NE(end, result.output.end());
      const int64_t room = result.output.end() - end - 1;
      ASSERT_EQ(room, std::min(std::min(min_answer, max_tokens / 4), max_tokens - 2))
          << max_tokens << " " << min_answer;
    }
  }
}

// 256 tokens, or a quarter of a short limit.
TEST(ThinkingTracker, TheRoomOfTheAnswer) {
  for (const auto& [max_tokens, room] :
       std::vector<std::pair<int64_t, int64_t>>{{4000, 256}, {1024, 256}, {400, 100}, {64, 16}}) {
    ThinkingBudget budget{.think_end_id = kClose, .starts_open = true, .force_ids = {kClose}};
    const Output result = run(budget, max_tokens);
    const auto end = std::find(result.output.begin(), result.output.end(), kClose);
    EXPECT_EQ(result.output.end() - end - 1, room) << max_tokens;
  }
}

TEST(ThinkingTracker, EndsOneThoughtForWhoeverWatchesIt) {
  ThinkingTracker tracker(budget(-1, 0, true), 1000);
  tracker.observe(kWord);
  EXPECT_TRUE(tracker.end_thought());
  EXPECT_EQ(tracker.forced(), kClose);
  tracker.observe(kClose);
  EXPECT_EQ(tracker.forced(), kAnswer);
  tracker.observe(kAnswer);
  EXPECT_FALSE(tracker.forced());
  EXPECT_FALSE(tracker.end_thought());  // there is none
  tracker.observe(kOpen);
  EXPECT_FALSE(tracker.forced());  // another one
  ThinkingTracker plain({.starts_open = true}, 1000);
  EXPECT_FALSE(plain.end_thought());  // nothing ends it
}

TEST(ThinkingTracker, ReopenedThoughtsShareTheBudget) {
  const Output result = run(budget(2, 0, true), 9, {kWord, kClose, kOpen, kWord, kWord});
  EXPECT_EQ(result.output, (std::vector<int32_t>{kWord, kClose, kOpen, kWord, kClose, kAnswer,
                                                 kWord, kWord, kWord}));
}

TEST(ThinkingTracker, ModelsWithoutThoughtsAreNeverForced) {
  EXPECT_EQ(run({.max_tokens = 1}, 20).num_forced, 0);
  EXPECT_EQ(run({.max_tokens = 1, .starts_open = true}, 20).num_forced, 0);
}

TEST(ThinkingTracker, EndsAThoughtWhenAsked) {
  ThinkingBudget budget{
      .think_start_id = 1, .think_end_id = 2, .starts_open = true, .force_ids = {2, 3}};
  const auto asked = std::make_shared<std::atomic<bool>>(false);
  budget.end_now = asked;
  ThinkingTracker tracker(budget, 1000);
  tracker.observe(9);
  EXPECT_FALSE(tracker.forced());
  *asked = true;
  EXPECT_EQ(tracker.forced(), 2);
  tracker.observe(2);
  EXPECT_EQ(tracker.forced(), 3);
  tracker.observe(3);
  EXPECT_FALSE(tracker.forced());
}

}  // namespace
}  // namespace glmv::runtime
