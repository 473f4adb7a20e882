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
  // One more than asked for tells whether there is anything to leave out.
  if (top_k_ > 0 && static_cast<size_t>(top_k_) < logits.size()) {
    const std::vector<int32_t> best = best_ids(logits, static_cast<size_t>(top_k_) + 1);
    if (best.size() > static_cast<size_t>(top_k_)) {
      for (int64_t i = 0; i < top_k_; ++i) candidates_.push_back({best[i], logits[best[i]]});
    }
  }
  if (candidates_.empty()) {
    for (size_t i = 0; i < logits.size(); ++i) {
      if (std::isfinite(logits[i])) candidates_.push_back({static_cast<int32_t>(i), logits[i]});
    }
  }
  const double highest = logits[argmax(logits)];
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
  if (temperature_ == 0 || top_k_ == 1) return argmax(logits);
  const double uniform = random_.uniform();
  if (top_k_ <= 0) {
    if (const auto id = mass_.draw(logits, {temperature_, top_p_, min_p_}, uniform)) return *id;
  }
  const std::span<const Candidate> candidates = filter(logits);
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  double left = uniform * total;
  for (const Candidate& candidate : candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate.token_id;
  }
  return candidates.back().token_id;
}

Result<void> check_logits(std::span<const float> logits) {
  if (std::isfinite(highest_of(logits))) return {};
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!std::isfinite(logits[i]) && !(logits[i] < 0)) {
      return internal_error(
          "the model gave the logit {} for token {}: its weights are broken or overflow in this "
          "dtype; try --dtype float32",
          logits[i], i);
    }
  }
  return internal_error("the model gave no finite logit: no token can follow");
}

std::vector<TokenLogprob> logprobs_of(std::span<const float> logits, int32_t token_id,
                                      int num_best) {
  GLMV_CHECK(token_id >= 0 && static_cast<size_t>(token_id) < logits.size());
  const size_t n = std::min(logits.size(), static_cast<size_t>(std::max(num_best, 0)));
  std::vector<int32_t> ids = {token_id};
  if (n > 0) {
    std::vector<int32_t> best = best_ids(logits, n);
    if (best.size() < n) {  // masked ones follow
      best.resize(logits.size());
      std::iota(best.begin(), best.end(), 0);
      std::partial_sort(best.begin(), best.begin() + n, best.end(), [&](int32_t a, int32_t b) {
        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
      });
      best.resize(n);
    }
    ids.insert(ids.end(), best.begin(), best.end());
  }
  const float highest = logits[argmax(logits)];
  double log_sum = highest + std::log(sum_of_exponentials(logits, highest));
  // Exact sums differ by less than this; where that can be seen in a result they are made.
  constexpr double kError = 1e-10;
  const bool sure = std::ranges::all_of(ids, [&](int32_t id) {
    const double value = logits[id] - log_sum;
    return static_cast<float>(value - kError) == static_cast<float>(value + kError);
  });
  if (!sure) {
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
    log_sum = highest + std::log(sum);
  }
  std::vector<TokenLogprob> result;
  for (const int32_t id : ids) {
    result.push_back({id, static_cast<float>(logits[id] - log_sum)});
  }
  return result;
}

}  // namespace glmv::runtime
