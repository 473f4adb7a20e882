#pragma once
// How far the next-token distributions of one model are from those of another.

#include <ATen/core/Tensor.h>

#include <vector>

namespace glmv::app {

struct TokenComparison {
  int64_t num_tokens = 0;
  double kl_mean = 0;     // KL(original || other) in nats, over tokens
  double kl_p99 = 0;      // 99th percentile over tokens
  double top1 = 0;        // share of tokens that both think most likely
  double perplexity = 0;  // of the targets, by the other model
  double original_perplexity = 0;
};

// Token by token, in the order given.
class TokenDistances {
 public:
  // Final hidden states [K, D] behind the last norm, the head [V, D], and the tokens that follow
  // [K]. Logits are taken in fp32, in parts, so that the head's rounding stays out of the
  // comparison.
  TokenDistances(const at::Tensor& original_KD, const at::Tensor& other_KD,
                 const at::Tensor& head_VD, const at::Tensor& targets_K);
  // Over the first `count` tokens; zeros of none.
  TokenComparison first(int64_t count) const;
  int64_t size() const { return static_cast<int64_t>(kl_.size()); }

 private:
  std::vector<float> kl_, loss_, original_loss_;
  std::vector<bool> same_;
};

}  // namespace glmv::app
