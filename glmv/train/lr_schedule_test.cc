#include "glmv/train/lr_schedule.h"

#include <gtest/gtest.h>

namespace glmv::train {
namespace {

Schedule make(const char* name) {
  return {.kind = *parse_schedule(name),
          .learning_rate = 1.0,
          .min_lr = 0.0,
          .warmup_steps = 10,
          .total_steps = 110};
}

TEST(LrSchedule, WarmupIsLinearFromZero) {
  for (const char* name : {"constant", "linear", "cosine", "inverse_sqrt", "wsd"}) {
    const Schedule s = make(name);
    EXPECT_DOUBLE_EQ(learning_rate_at(s, 0), 0.0) << name;
    EXPECT_DOUBLE_EQ(learning_rate_at(s, 5), 0.5) << name;
    EXPECT_DOUBLE_EQ(learning_rate_at(s, 10), 1.0) << name;
  }
}

// Values of transformers.get_scheduler at steps 10 + 25, 10 + 50, 10 + 75, 110 of 110.
TEST(LrSchedule, FollowsTheFormulas) {
  struct Case {
    const char* name;
    double cycles, power, at_25, at_50, at_75, at_100;
  };
  const Case cases[] = {
      {"constant", 1, 1, 1.0, 1.0, 1.0, 1.0},
      {"linear", 1, 1, 0.75, 0.5, 0.25, 0.0},
      {"cosine", 1, 1, 0.8535533905932737, 0.5, 0.1464466094067262, 0.0},
      {"cosine_with_restarts", 2, 1, 0.5, 1.0, 0.5, 0.0},
      {"polynomial", 1, 2, 0.5625, 0.25, 0.0625, 0.0},
      {"inverse_sqrt", 1, 1, 0.5345224838248488, 0.4082482904638631, 0.34299717028501764,
       0.30151134457776363},
      {"wsd", 1, 1, 1.0, 1.0, 1.0, 0.0},
  };
  for (const Case& c : cases) {
    Schedule s = make(c.name);
    s.num_cycles = c.cycles;
    s.power = c.power;
    EXPECT_NEAR(learning_rate_at(s, 35), c.at_25, 1e-12) << c.name;
    EXPECT_NEAR(learning_rate_at(s, 60), c.at_50, 1e-12) << c.name;
    EXPECT_NEAR(learning_rate_at(s, 85), c.at_75, 1e-12) << c.name;
    EXPECT_NEAR(learning_rate_at(s, 110), c.at_100, 1e-12) << c.name;
  }
}

TEST(LrSchedule, EndsAtTheMinimumAndStaysThere) {
  for (const char* name : {"linear", "cosine", "cosine_with_restarts", "polynomial", "wsd"}) {
    Schedule s = make(name);
    s.min_lr = 0.1;
    EXPECT_NEAR(learning_rate_at(s, 110), 0.1, 1e-12) << name;
    EXPECT_NEAR(learning_rate_at(s, 1000), 0.1, 1e-12) << name;
    EXPECT_NEAR(learning_rate_at(s, 10), 1.0, 1e-12) << name;
  }
}

TEST(LrSchedule, WarmupStableDecayFallsInTheLastPhase) {
  Schedule s = make("wsd");
  s.decay_steps = 20;
  EXPECT_DOUBLE_EQ(learning_rate_at(s, 90), 1.0);
  EXPECT_NEAR(learning_rate_at(s, 100), 0.5, 1e-12);
}

TEST(LrSchedule, UnknownNameListsTheKnownOnes) {
  const auto kind = parse_schedule("cosinus");
  ASSERT_FALSE(kind);
  EXPECT_NE(kind.error().message.find("cosine_with_restarts"), std::string::npos);
}

}  // namespace
}  // namespace glmv::train
