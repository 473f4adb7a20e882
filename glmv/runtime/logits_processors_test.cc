#include "glmv/runtime/logits_processors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace glmv::runtime {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

TEST(VocabularyMask, MasksIdsWithoutTextButNeverEos) {
  const std::vector<int32_t> eos = {4};
  const VocabularyMask mask([](int32_t id) { return id < 3 ? std::string("x") : std::string(); }, 6,
                            eos);
  EXPECT_EQ(mask.num_masked(), 2);
  std::vector<float> logits(6, 1.0f);
  mask.apply(logits);
  for (int id : {0, 1, 2, 4}) EXPECT_EQ(logits[id], 1.0f) << id;
  for (int id : {3, 5}) EXPECT_TRUE(std::isinf(logits[id]) && logits[id] < 0) << id;
}

TEST(Penalties, RepetitionTouchesPromptAndOutputOnce) {
  const std::vector<int32_t> prompt = {0, 0, 1};
  Penalties penalties({.repetition_penalty = 2.0}, prompt);
  penalties.observe(3);
  penalties.observe(3);
  std::vector<float> logits = {4, -4, 4, -1};
  penalties.apply(logits);
  EXPECT_THAT(logits, ElementsAre(2, -8, 4, -2));
}

TEST(Penalties, PresenceAndFrequencyCountTheOutputOnly) {
  const std::vector<int32_t> prompt = {0, 1};
  Penalties penalties({.presence_penalty = 1.0, .frequency_penalty = 0.5}, prompt);
  penalties.observe(1);
  penalties.observe(2);
  penalties.observe(2);
  std::vector<float> logits = {0, 0, 0, 0};
  penalties.apply(logits);
  EXPECT_THAT(logits, ElementsAre(0, FloatEq(-1.5), FloatEq(-2.0), 0));
}

TEST(Penalties, BiasComesBeforeRepetition) {
  const std::vector<int32_t> prompt = {1};
  Penalties penalties({.repetition_penalty = 2.0, .logit_bias = {{1, 3.0}, {2, -1.0}}}, prompt);
  std::vector<float> logits = {1, 1, 1};
  penalties.apply(logits);
  EXPECT_THAT(logits, ElementsAre(1, 2, 0));
}

TEST(Penalties, NeutralValuesChangeNothing) {
  const std::vector<int32_t> prompt = {0};
  Penalties penalties({}, prompt);
  penalties.observe(1);
  std::vector<float> logits = {1, 2};
  penalties.apply(logits);
  EXPECT_THAT(logits, ElementsAre(1, 2));
}

}  // namespace
}  // namespace glmv::runtime
