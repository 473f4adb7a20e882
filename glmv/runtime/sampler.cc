#include "glmv/runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "glmv/base/check.h"

namespace glmv::runtime {
namespace {

bool better(const Sampler::Candidate& a, const Sampler::Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.token_id < b.token_id;
}

int32_t argmax(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Keeps the shortest sorted prefix whose weight reaches `mass`. Only as much as needed is sorted:
// a full sort of 150,000 candidates costs more than a decode step of a small model.
void keep_mass(std::vector<Sampler::Candidate>& candidates, double mass) {
  size_t sorted = 0;
  double sum = 0;
  for (size_t block = 64; sorted < candidates.size(); block *= 8) {
    const size_t end = std::min(candidates.size(), sorted + block);
    std::partial_sort(candidates.begin() + sorted, candidates.begin() + end, candidates.end(),
                      better);
    for (; sorted < end; ++sorted) {
      sum += candidates[sorted].weight;
      if (sum >= mass) {
        candidates.resize(sorted + 1);
        return;
      }
    }
  }
}

}  // namespace

Sampler::Sampler(const SamplingParams& params, uint64_t seed)
    : temperature_(params.temperature),
      top_p_(params.top_p),
      top_k_(params.top_k),
      min_p_(params.min_p),
      random_(seed) {}

std::span<const Sampler::Candidate> Sampler::filter(std::span<const float> logits) {
  GLMV_CHECK(!logits.empty());
  candidates_.clear();
  if (temperature_ == 0 || top_k_ == 1) {
    candidates_.push_back({argmax(logits), 1.0});
    return candidates_;
  }
  // Weights are logits first: with top-k only the few that stay need their exponential.
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i])) candidates_.push_back({static_cast<int32_t>(i), logits[i]});
  }
  if (top_k_ > 0 && static_cast<size_t>(top_k_) < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + (top_k_ - 1), candidates_.end(),
                     better);
    candidates_.resize(top_k_);
    // The order decides what a seed draws: it must not depend on the standard library.
    std::sort(candidates_.begin(), candidates_.end(), better);
  }
  const double highest = *std::max_element(logits.begin(), logits.end());
  for (Candidate& candidate : candidates_) {
    candidate.weight = std::exp((candidate.weight - highest) / temperature_);
  }
  if (top_p_ < 1.0) {
    double total = 0;
    for (const Candidate& candidate : candidates_) total += candidate.weight;
    keep_mass(candidates_, top_p_ * total);
  }
  if (min_p_ > 0) {
    // The best weight is exp(0) = 1.
    std::erase_if(candidates_, [this](const Candidate& c) { return c.weight < min_p_; });
  }
  return candidates_;
}

int32_t Sampler::sample(std::span<const float> logits) {
  const std::span<const Candidate> candidates = filter(logits);
  if (temperature_ == 0 || top_k_ == 1) return candidates.front().token_id;
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  double left = random_.uniform() * total;
  for (const Candidate& candidate : candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate.token_id;
  }
  return candidates.back().token_id;
}

Result<void> check_logits(std::span<const float> logits) {
  bool any_finite = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i])) {
      any_finite = true;
    } else if (!(logits[i] < 0)) {
      return internal_error(
          "the model gave the logit {} for token {}: its weights are broken or overflow in this "
          "dtype; try --dtype float32",
          logits[i], i);
    }
  }
  if (!any_finite) return internal_error("the model gave no finite logit: no token can follow");
  return {};
}

std::vector<TokenLogprob> logprobs_of(std::span<const float> logits, int32_t token_id,
                                      int num_best) {
  GLMV_CHECK(token_id >= 0 && static_cast<size_t>(token_id) < logits.size());
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - highest);
  const double log_sum = highest + std::log(sum);

  std::vector<TokenLogprob> result;
  result.push_back({token_id, static_cast<float>(logits[token_id] - log_sum)});
  const size_t n = std::min(logits.size(), static_cast<size_t>(std::max(num_best, 0)));
  if (n == 0) return result;
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::partial_sort(ids.begin(), ids.begin() + n, ids.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  for (size_t i = 0; i < n; ++i) {
    result.push_back({ids[i], static_cast<float>(logits[ids[i]] - log_sum)});
  }
  return result;
}

}  // namespace glmv::runtime
