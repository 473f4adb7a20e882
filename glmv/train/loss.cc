#include "glmv/train/loss.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace glmv::train {
namespace {

at::Tensor cross_entropy_sum(const at::Tensor& logits_KV, const at::Tensor& targets_K) {
  return at::cross_entropy_loss(logits_KV.to(at::kFloat), targets_K, /*weight=*/{},
                                at::Reduction::Sum);
}

}  // namespace

LossSum accumulate_gradients(const model::Vlm& model, const MicroBatch& batch, double scale,
                             int64_t chunk_rows) {
  const at::Tensor hidden_KD = forward(model, batch).index_select(0, batch.rows_K);
  // Each chunk's graph is walked and freed at once; what reaches the hidden rows is collected and
  // walked further down in one go.
  const at::Tensor leaf_KD = hidden_KD.detach().requires_grad_(hidden_KD.requires_grad());
  const int64_t num_rows = leaf_KD.size(0);
  LossSum sum{.num_tokens = num_rows};
  for (int64_t begin = 0; begin < num_rows; begin += chunk_rows) {
    const int64_t end = std::min(num_rows, begin + chunk_rows);
    const at::Tensor logits = model.logits(leaf_KD.slice(0, begin, end));
    const at::Tensor loss = cross_entropy_sum(logits, batch.targets_K.slice(0, begin, end));
    sum.loss += loss.item<double>();
    if (loss.requires_grad()) (loss * scale).backward();
  }
  if (hidden_KD.requires_grad()) hidden_KD.backward(leaf_KD.grad());
  return sum;
}

LossSum evaluate(const model::Vlm& model, const MicroBatch& batch, int64_t chunk_rows) {
  const at::NoGradGuard no_grad;
  const at::Tensor hidden_KD = forward(model, batch).index_select(0, batch.rows_K);
  const int64_t num_rows = hidden_KD.size(0);
  LossSum sum{.num_tokens = num_rows};
  for (int64_t begin = 0; begin < num_rows; begin += chunk_rows) {
    const int64_t end = std::min(num_rows, begin + chunk_rows);
    const at::Tensor logits = model.logits(hidden_KD.slice(0, begin, end));
    const at::Tensor targets = batch.targets_K.slice(0, begin, end);
    sum.loss += cross_entropy_sum(logits, targets).item<double>();
    sum.num_correct += logits.argmax(-1).eq(targets).sum().item<int64_t>();
  }
  return sum;
}

}  // namespace glmv::train
