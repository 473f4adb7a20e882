#include "apps/glmv/token_comparison.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace glmv::app {
namespace {

constexpr int64_t kRows = 256;        // tokens in work: 256 x 151552 fp32 are 155 MB
constexpr int64_t kHeadRows = 16384;  // of the head, as fp32

at::Tensor log_probs(const at::Tensor& hidden_KD, const at::Tensor& head_VD) {
  const at::Tensor hidden = hidden_KD.to(at::kFloat);
  at::Tensor logits = at::empty({hidden.size(0), head_VD.size(0)}, at::kFloat);
  for (int64_t begin = 0; begin < head_VD.size(0); begin += kHeadRows) {
    const int64_t n = std::min(kHeadRows, head_VD.size(0) - begin);
    logits.narrow(1, begin, n)
        .copy_(at::mm(hidden, head_VD.narrow(0, begin, n).to(at::kFloat).t()));
  }
  return logits.log_softmax(-1);
}

}  // namespace

TokenDistances::TokenDistances(const at::Tensor& original_KD, const at::Tensor& other_KD,
                               const at::Tensor& head_VD, const at::Tensor& targets_K) {
  for (int64_t begin = 0; begin < targets_K.size(0); begin += kRows) {
    const int64_t n = std::min(kRows, targets_K.size(0) - begin);
    const at::Tensor theirs = log_probs(original_KD.narrow(0, begin, n), head_VD);
    at::Tensor mine = log_probs(other_KD.narrow(0, begin, n), head_VD);
    const at::Tensor targets = targets_K.narrow(0, begin, n).unsqueeze(1);
    const at::Tensor loss = mine.gather(1, targets).flatten();
    const at::Tensor original_loss = theirs.gather(1, targets).flatten();
    const at::Tensor same = mine.argmax(-1) == theirs.argmax(-1);
    const at::Tensor kl = mine.neg_().add_(theirs).mul_(theirs.exp()).sum(-1);
    for (int64_t i = 0; i < n; ++i) {
      kl_.push_back(kl[i].item<float>());
      loss_.push_back(-loss[i].item<float>());
      original_loss_.push_back(-original_loss[i].item<float>());
      same_.push_back(same[i].item<bool>());
    }
  }
}

TokenComparison TokenDistances::first(int64_t count) const {
  if (count == 0) return {};
  std::vector<float> sorted(kl_.begin(), kl_.begin() + count);
  std::ranges::sort(sorted);
  const auto n = static_cast<double>(count);
  const auto mean = [&](const auto& values) {
    return std::accumulate(values.begin(), values.begin() + count, 0.0) / n;
  };
  const auto rank = static_cast<size_t>(std::ceil(0.99 * n));
  return {.num_tokens = count,
          .kl_mean = mean(kl_),
          .kl_p99 = sorted[rank - 1],
          .top1 = mean(same_),
          .perplexity = std::exp(mean(loss_)),
          .original_perplexity = std::exp(mean(original_loss_))};
}

}  // namespace glmv::app
