#include "apps/glmv/layer_inputs.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace glmv::app {
namespace {

class Observed final : public quant::LinearMethod {
 public:
  Observed(quant::Linear inner, std::shared_ptr<InputLog> log)
      : inner_(std::move(inner)), log_(std::move(log)) {}
  at::Tensor apply(const at::Tensor& x) const override {
    log_->add(x.reshape({-1, x.size(-1)}));
    return inner_(x);
  }
  std::vector<std::pair<std::string, at::Tensor>> tensors() const override {
    return inner_.method().tensors();
  }

 private:
  quant::Linear inner_;
  std::shared_ptr<InputLog> log_;
};

}  // namespace

void InputLog::add(const at::Tensor& x) {
  const int64_t n = x.size(0);
  if (wants_gram_) {
    const at::Tensor rows = x.to(at::kFloat);
    if (!gram_.defined()) gram_ = at::zeros({x.size(1), x.size(1)}, at::kFloat);
    gram_.addmm_(rows.t(), rows);
  }
  const int64_t first = (stride_ - num_seen_ % stride_) % stride_;
  if (first < n && num_kept_ < max_rows_) {
    // A copy: a view would hold on to all rows.
    kept_.push_back(x.slice(0, first, n, stride_).clone());
    num_kept_ += kept_.back().size(0);
  }
  num_seen_ += n;
}

at::Tensor InputLog::kept() const { return kept_.empty() ? at::Tensor() : at::cat(kept_); }

Inputs InputLog::inputs() const {
  const at::Tensor rows = kept();
  return {rows.defined() ? rows.to(at::kFloat) : rows, gram_, num_seen_};
}

Inputs inputs_of(const at::Tensor& x_NI, int64_t max_rows, bool wants_gram) {
  const int64_t n = x_NI.size(0);
  if (n == 0) return {};
  InputLog log(std::max<int64_t>(1, n / max_rows), max_rows, wants_gram);
  log.add(x_NI);
  return log.inputs();
}

quant::Linear observed(const quant::Linear& linear, std::shared_ptr<InputLog> log) {
  return {linear.name(), std::make_shared<Observed>(linear, std::move(log))};
}

}  // namespace glmv::app
