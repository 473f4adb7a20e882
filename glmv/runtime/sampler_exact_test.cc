// The sampler against a plain one that sorts and weighs every logit: the same tokens from the same
// seeds, the same log-probabilities to the last bit, on random and hostile rows.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "glmv/runtime/sampler.h"

namespace glmv::runtime {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

class PlainSampler {
 public:
  PlainSampler(const SamplingParams& params, uint64_t seed) : params_(params), random_(seed) {}

  int32_t sample(const std::vector<float>& logits) {
    const auto highest = std::max_element(logits.begin(), logits.end());
    if (params_.temperature == 0 || params_.top_k == 1) {
      return static_cast<int32_t>(highest - logits.begin());
    }
    struct Candidate {
      int32_t id;
      double weight;
    };
    const auto better = [](const Candidate& a, const Candidate& b) {
      return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
    };
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (std::isfinite(logits[i])) candidates.push_back({static_cast<int32_t>(i), logits[i]});
    }
    if (params_.top_k > 0 && static_cast<size_t>(params_.top_k) < candidates.size()) {
      std::ranges::sort(candidates, better);
      candidates.resize(params_.top_k);
    }
    double total = 0;
    for (Candidate& c : candidates) {
      c.weight = std::exp((c.weight - double(*highest)) / params_.temperature);
      total += c.weight;
    }
    if (params_.top_p < 1) {
      std::ranges::sort(candidates, better);
      double sum = 0;
      for (size_t i = 0; i < candidates.size(); ++i) {
        sum += candidates[i].weight;
        if (sum >= params_.top_p * total) candidates.resize(i + 1);
      }
    }
    if (params_.min_p > 0) {
      std::erase_if(candidates, [&](const Candidate& c) { return c.weight < params_.min_p; });
    }
    total = 0;
    for (const Candidate& c : candidates) total += c.weight;
    double left = random_.uniform() * total;
    for (const Candidate& c : candidates) {
      left -= c.weight;
      if (left < 0) return c.id;
    }
    return candidates.back().id;
  }

 private:
  SamplingParams params_;
  Random random_;
};

std::vector<TokenLogprob> plain_logprobs(const std::vector<float>& logits, int32_t token, int n) {
  const double highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - highest);
  const double log_sum = highest + std::log(sum);
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::ranges::stable_sort(ids, [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  ids.resize(std::min(ids.size(), static_cast<size_t>(n)));
  ids.insert(ids.begin(), token);
  std::vector<TokenLogprob> out;
  for (const int32_t id : ids) out.push_back({id, static_cast<float>(logits[id] - log_sum)});
  return out;
}

struct Row {
  const char* name;
  std::function<float(Random&, size_t)> logit;
};

const Row kRows[] = {
    {"flat", [](Random& r, size_t) { return static_cast<float>(r.normal() * 0.01); }},
    {"normal", [](Random& r, size_t) { return static_cast<float>(r.normal() * 2); }},
    {"peaked",
     [](Random& r, size_t) {
       return static_cast<float>(r.normal() * 2 + (r.below(500) == 0 ? 20 : 0));
     }},
    {"wide", [](Random& r, size_t) { return static_cast<float>(r.normal() * 400); }},
    {"huge", [](Random& r, size_t) { return static_cast<float>(r.normal() * 1e37); }},
    {"heavy tail",
     [](Random& r, size_t) { return static_cast<float>(-std::log(r.uniform() + 1e-12)); }},
    {"Zipf",
     [](Random&, size_t i) { return -std::log(1.0f + static_cast<float>(i * 7919 % 1009)); }},
    {"all equal", [](Random&, size_t) { return 3.25f; }},
    {"two values", [](Random& r, size_t) { return r.below(2) == 0 ? 1.0f : 0.0f; }},
    {"few values", [](Random& r, size_t) { return static_cast<float>(r.below(9)) * 0.5f; }},
    {"masked",
     [](Random& r, size_t) { return r.below(3) == 0 ? static_cast<float>(r.normal()) : -kInf; }},
    {"one left", [](Random&, size_t i) { return i == 17 ? -5.0f : -kInf; }},
    {"tiny steps",
     [](Random& r, size_t) { return 1.0f + 1.2e-7f * static_cast<float>(r.below(4)); }},
    // Different logits of equal weight: they vanish beside the highest.
    {"vanishing",
     [](Random& r, size_t i) { return i == 40 ? 1.0f : 1e-20f * static_cast<float>(r.below(9)); }},
    {"two powers", [](Random& r, size_t) { return static_cast<float>(r.below(5)) * 0.6931472f; }},
    {"below all",
     [](Random& r, size_t i) {
       return i == 3 ? 0.0f : static_cast<float>(-690 - 60 * r.uniform());
     }},
};

TEST(SamplerExact, TheSameTokensAsAPlainSampler) {
  const std::vector<SamplingParams> cases = {
      {},
      {.temperature = 0},
      {.temperature = 0.05},
      {.temperature = 100},
      {.top_p = 0.6, .top_k = 2},
      {.top_k = 40},
      {.top_p = 0.8, .top_k = 1200},
      {.top_k = 5000},
      {.top_p = 0.0},
      {.top_p = 0.5},
      {.top_p = 0.95},
      {.top_p = 0.999999},
      {.temperature = 0.7, .top_p = 0.9, .min_p = 0.05},
      {.min_p = 0.1},
      {.min_p = 1.0},
      {.min_p = 0.5},
      {.top_p = 0.75, .min_p = 0.5},
      {.temperature = 1.3, .top_k = 64, .min_p = 0.2},
  };
  Random random(3);
  for (const Row& row : kRows) {
    for (const size_t size : {size_t{64}, size_t{129}, size_t{3001}}) {
      std::vector<float> logits(size);
      for (size_t i = 0; i < size; ++i) logits[i] = row.logit(random, i);
      for (size_t c = 0; c < cases.size(); ++c) {
        Sampler sampler(cases[c], 11);
        PlainSampler plain(cases[c], 11);
        for (int draw = 0; draw < 25; ++draw) {
          ASSERT_EQ(sampler.sample(logits), plain.sample(logits))
              << row.name << " of " << size << ", case " << c << ", draw " << draw;
        }
      }
    }
  }
}

TEST(SamplerExact, WholeVocabulary) {
  Random random(4);
  for (const Row& row : kRows) {
    std::vector<float> logits(151552);
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = row.logit(random, i);
    for (const SamplingParams& params :
         {SamplingParams{}, {.top_p = 0.95}, {.top_p = 0.6, .top_k = 2}, {.min_p = 0.02}}) {
      Sampler sampler(params, 5);
      PlainSampler plain(params, 5);
      for (int draw = 0; draw < 2; ++draw) {
        ASSERT_EQ(sampler.sample(logits), plain.sample(logits)) << row.name;
      }
    }
  }
}

TEST(SamplerExact, LogprobsToTheLastBit) {
  Random random(6);
  for (const Row& row : kRows) {
    for (const size_t size : {size_t{64}, size_t{3001}}) {
      std::vector<float> logits(size);
      for (size_t i = 0; i < size; ++i) logits[i] = row.logit(random, i);
      for (const int n : {0, 1, 20, 64}) {
        const auto token = static_cast<int32_t>(random.below(size));
        const auto got = logprobs_of(logits, token, n);
        const auto want = plain_logprobs(logits, token, n);
        ASSERT_EQ(got.size(), want.size());
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_EQ(got[i].token_id, want[i].token_id) << row.name << " " << i;
          ASSERT_EQ(got[i].logprob, want[i].logprob) << row.name << " " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace glmv::runtime
