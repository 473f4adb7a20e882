#pragma once
// Picks the next token from one row of processed logits [V]. Plain floats, no tensor library.

#include <cstdint>
#include <span>
#include <vector>

#include "glmv/base/random.h"
#include "glmv/runtime/logit_scan.h"
#include "glmv/runtime/request.h"

namespace glmv::runtime {

// One per request; draws exactly one random number per sampled token, none when greedy, so that a
// seed gives the same tokens whatever else runs in the batch.
class Sampler {
 public:
  Sampler(const SamplingParams& params, uint64_t seed);

  // Temperature, top-k, top-p, min-p, draw. Greedy (temperature 0 or top_k 1) takes the lowest id
  // of the highest logit. `logits` may hold -inf (masked), never NaN or +inf, and at least one
  // finite value: check_logits() first.
  int32_t sample(std::span<const float> logits);

  // The ids that can be drawn (best first where a mass limit asked for it): the definition of the
  // draw, which is from these, in this order. sample() gives the same token without making the list
  // where it is sure of it.
  struct Candidate {
    int32_t token_id;
    double weight;  // proportional to the probability
  };
  std::span<const Candidate> filter(std::span<const float> logits);

 private:
  double temperature_;
  double top_p_;
  int64_t top_k_;
  double min_p_;
  Random random_;
  MassDraw mass_;
  std::vector<Candidate> candidates_;
};

// internal error when a row has NaN, +inf or nothing finite (a broken checkpoint or kernel).
Result<void> check_logits(std::span<const float> logits);

// log-softmax of `logits` for `token_id` first, then for the `num_best` best ids (ties: lower id
// first). The chosen token appears again among the best when it is one of them, as in OpenAI's API.
std::vector<TokenLogprob> logprobs_of(std::span<const float> logits, int32_t token_id,
                                      int num_best);

}  // namespace glmv::runtime
