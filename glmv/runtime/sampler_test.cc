#include "glmv/runtime/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace glmv::runtime {
namespace {

using testing::ElementsAre;

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<int32_t> ids_of(std::span<const Sampler::Candidate> candidates) {
  std::vector<int32_t> ids;
  for (const auto& candidate : candidates) ids.push_back(candidate.token_id);
  std::ranges::sort(ids);
  return ids;
}

// Probabilities 0.5, 0.25, 0.125, 0.125 in a shuffled order of ids.
std::vector<float> four_logits() {
  return {std::log(0.125f), std::log(0.5f), std::log(0.125f), std::log(0.25f)};
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheHighestLogit) {
  Sampler sampler({.temperature = 0}, 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, -kInf, 3}), 1);
  Sampler top_1({.temperature = 1.5, .top_k = 1}, 1);
  EXPECT_EQ(top_1.sample(std::vector<float>{1, 2, 3, 3}), 2);
}

TEST(Sampler, KeepsWhatEachFilterAllows) {
  struct Case {
    SamplingParams params;
    std::vector<int32_t> kept;
  };
  const std::vector<Case> cases = {
      {{}, {0, 1, 2, 3}},
      {{.top_k = 3}, {0, 1, 3}},
      {{.top_k = 100}, {0, 1, 2, 3}},
      {{.top_p = 0.0}, {1}},
      {{.top_p = 0.49}, {1}},
      {{.top_p = 0.51}, {1, 3}},
      {{.top_p = 0.76}, {0, 1, 3}},
      {{.top_p = 0.9}, {0, 1, 2, 3}},
      {{.min_p = 0.4}, {1, 3}},
      {{.min_p = 1.0}, {1}},
      // Mass is of what top-k left: 0.5 / 0.75 >= 0.6.
      {{.top_p = 0.6, .top_k = 2}, {1}},
      // At temperature 0.5 the odds are squared: 0.7273, 0.1818, 0.0455, 0.0455.
      {{.temperature = 0.5, .top_p = 0.72}, {1}},
      {{.temperature = 0.5, .top_p = 0.9}, {1, 3}},
  };
  for (const Case& test : cases) {
    Sampler sampler(test.params, 1);
    EXPECT_EQ(ids_of(sampler.filter(four_logits())), test.kept)
        << "top_p " << test.params.top_p << " top_k " << test.params.top_k;
  }
}

TEST(Sampler, TopPEqualsFullSortOnLargeRows) {
  Random random(5);
  for (int round = 0; round < 40; ++round) {
    std::vector<float> logits(3000);
    for (float& logit : logits) logit = static_cast<float>(2 * random.normal());
    const double top_p = random.uniform();
    std::vector<int32_t> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](int a, int b) { return logits[a] > logits[b]; });
    double total = 0, sum = 0;
    for (float logit : logits) total += std::exp(static_cast<double>(logit) - logits[order[0]]);
    size_t keep = 0;
    while (sum < top_p * total)
      sum += std::exp(static_cast<double>(logits[order[keep++]]) - logits[order[0]]);
    order.resize(std::max<size_t>(keep, 1));
    std::ranges::sort(order);
    Sampler sampler({.top_p = top_p}, 1);
    ASSERT_EQ(ids_of(sampler.filter(logits)), order);
  }
}

TEST(Sampler, DrawsFollowTheProbabilities) {
  Sampler sampler({}, 99);
  std::vector<int> counts(4);
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) ++counts[sampler.sample(four_logits())];
  EXPECT_NEAR(counts[1] / double{kDraws}, 0.5, 0.01);
  EXPECT_NEAR(counts[3] / double{kDraws}, 0.25, 0.01);
  EXPECT_NEAR(counts[0] / double{kDraws}, 0.125, 0.01);
}

TEST(Sampler, MaskedTokensAreNeverDrawn) {
  Sampler sampler({.temperature = 100}, 3);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_NE(sampler.sample(std::vector<float>{1, -kInf, 0, -kInf}) % 2, 1);
  }
}

TEST(Sampler, SeedDecidesTheTokens) {
  const auto draw = [](uint64_t seed) {
    Sampler sampler({}, seed);
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(sampler.sample(four_logits()));
    return ids;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
}

TEST(Sampler, TinyTemperatureIsGreedyAndFinite) {
  Sampler sampler({.temperature = 1e-6}, 3);
  EXPECT_EQ(sampler.sample(std::vector<float>{-50, 80, 79}), 1);
}

TEST(CheckLogits, NamesBrokenRows) {
  EXPECT_TRUE(check_logits(std::vector<float>{1, -kInf}));
  for (const std::vector<float>& row : {std::vector<float>{1, NAN}, {kInf, 0}, {-kInf, -kInf}}) {
    const auto result = check_logits(row);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::kInternal);
  }
}

TEST(Logprobs, ChosenFirstThenTheBest) {
  const auto result = logprobs_of(four_logits(), 2, 3);
  ASSERT_EQ(result.size(), 4u);
  EXPECT_EQ(result[0].token_id, 2);
  EXPECT_NEAR(result[0].logprob, std::log(0.125), 1e-6);
  EXPECT_EQ(result[1].token_id, 1);
  EXPECT_NEAR(result[1].logprob, std::log(0.5), 1e-6);
  EXPECT_EQ(result[2].token_id, 3);
  EXPECT_EQ(result[3].token_id, 0);  // tie with 2: lower id first
  EXPECT_EQ(logprobs_of(four_logits(), 0, 0).size(), 1u);
}

}  // namespace
}  // namespace glmv::runtime
