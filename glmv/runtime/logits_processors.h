#pragma once
// Changes to a row of raw logits before sampling: mask of the ids that no text has, logit bias and
// the three penalties. Order: request.h, SamplingParams.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "glmv/runtime/request.h"

namespace glmv::runtime {

// Ids that must never be sampled: embedding rows beyond the tokenizer's last id and holes inside
// it. Immutable, shared by all requests of an engine.
class VocabularyMask {
 public:
  // Nothing masked.
  VocabularyMask() = default;
  // Masks the ids of [0, vocab_size) whose bytes are empty, except `always_allowed` (EOS ids).
  VocabularyMask(const std::function<std::string(int32_t)>& token_bytes, int64_t vocab_size,
                 std::span<const int32_t> always_allowed);

  // Sets masked logits to -inf.
  void apply(std::span<float> logits) const;
  int64_t num_masked() const { return static_cast<int64_t>(masked_.size()); }

 private:
  std::vector<int32_t> masked_;
};

// Logit bias, repetition penalty (prompt and output: positive logits / p, others * p), presence
// and frequency penalties (output only) of one request.
class Penalties {
 public:
  Penalties(const SamplingParams& params, std::span<const int32_t> prompt);

  // A token of the output, sampled or forced.
  void observe(int32_t token_id);
  void apply(std::span<float> logits) const;

 private:
  std::vector<std::pair<int32_t, float>> bias_;
  float repetition_;
  float presence_;
  float frequency_;
  std::unordered_set<int32_t> seen_;                  // prompt and output
  std::unordered_map<int32_t, int32_t> num_outputs_;  // output only
};

}  // namespace glmv::runtime
