#include "glmv/runtime/logits_processors.h"

#include <algorithm>
#include <limits>

namespace glmv::runtime {

VocabularyMask::VocabularyMask(const std::function<std::string(int32_t)>& token_bytes,
                               int64_t vocab_size, std::span<const int32_t> always_allowed) {
  for (int32_t id = 0; id < vocab_size; ++id) {
    if (token_bytes(id).empty() && std::ranges::find(always_allowed, id) == always_allowed.end()) {
      masked_.push_back(id);
    }
  }
}

void VocabularyMask::apply(std::span<float> logits) const {
  for (int32_t id : masked_) logits[id] = -std::numeric_limits<float>::infinity();
}

Penalties::Penalties(const SamplingParams& params, std::span<const int32_t> prompt)
    : repetition_(static_cast<float>(params.repetition_penalty)),
      presence_(static_cast<float>(params.presence_penalty)),
      frequency_(static_cast<float>(params.frequency_penalty)) {
  for (const auto& [id, bias] : params.logit_bias) {
    bias_.emplace_back(id, static_cast<float>(bias));
  }
  if (repetition_ != 1.0f) seen_.insert(prompt.begin(), prompt.end());
}

void Penalties::observe(int32_t token_id) {
  if (repetition_ != 1.0f) seen_.insert(token_id);
  if (presence_ != 0 || frequency_ != 0) ++num_outputs_[token_id];
}

void Penalties::apply(std::span<float> logits) const {
  for (const auto& [id, bias] : bias_) logits[id] += bias;
  for (int32_t id : seen_) {
    float& logit = logits[id];
    logit = logit > 0 ? logit / repetition_ : logit * repetition_;
  }
  for (const auto& [id, count] : num_outputs_) {
    logits[id] -= presence_ + frequency_ * static_cast<float>(count);
  }
}

}  // namespace glmv::runtime
