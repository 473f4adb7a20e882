#include "glmv/runtime/draft_planner.h"

#include <gtest/gtest.h>

namespace glmv::runtime {
namespace {

DraftRecord record(double share) {
  DraftRecord out;
  for (int i = 0; i < 2000; ++i) out.add((i * 37 % 100) < share * 100);
  return out;
}

TEST(DraftPlanner, FixedNumbersAreAlwaysGuessed) {
  const DraftPlanner planner(4, false);
  EXPECT_EQ(planner.plan(record(0), 8, 100).num_tokens, 4);
  EXPECT_EQ(planner.plan(record(0), 2, 0).num_tokens, 2);
  EXPECT_EQ(DraftPlanner(0, false).plan({}, 8, 0).num_tokens, 0);
}

TEST(DraftPlanner, NothingIsGuessedBeforeAStepWasTimed) {
  EXPECT_EQ(DraftPlanner(4, true).plan(record(1), 8, 0).num_tokens, 0);
}

TEST(DraftPlanner, GuessesMoreWhereMoreIsRight) {
  DraftPlanner planner(8, true);
  planner.observe(1, 100);
  EXPECT_EQ(planner.plan(record(0), 8, 0).num_tokens, 0);
  const auto half = planner.plan(record(0.5), 8, 0);
  const auto all = planner.plan(record(1), 8, 0);
  EXPECT_GT(half.num_tokens, 0);
  EXPECT_LT(half.num_tokens, 8);
  EXPECT_EQ(all.num_tokens, 8);
  EXPECT_GT(all.gain, half.gain);
}

TEST(DraftPlanner, GuessesNothingWhereItDoesNotPay) {
  DraftPlanner planner(4, true);
  planner.observe(1, 100);
  for (int64_t n = 2; n <= 5; ++n) planner.observe(n, 100.0 * static_cast<double>(n));
  EXPECT_EQ(planner.plan(record(0.9), 4, 0).num_tokens, 0);
  // A model of its own that guesses has its price too.
  DraftPlanner cheap(4, true);
  cheap.observe(1, 100);
  EXPECT_GT(cheap.plan(record(0.8), 4, 5).num_tokens, 0);
  EXPECT_EQ(cheap.plan(record(0.8), 4, 90).num_tokens, 0);
}

TEST(DraftPlanner, ForgetsAnOutlier) {
  DraftPlanner planner(1, true);
  planner.observe(1, 100);
  planner.observe(2, 5000);
  EXPECT_EQ(planner.plan(record(0.9), 1, 0).num_tokens, 0);
  for (int i = 0; i < 500; ++i) planner.observe(1, 100);
  EXPECT_EQ(planner.plan(record(0.9), 1, 0).num_tokens, 1);
}

}  // namespace
}  // namespace glmv::runtime
