#include "glmv/runtime/draft_planner.h"

#include <algorithm>

#include "glmv/base/check.h"

namespace glmv::runtime {
namespace {

constexpr double kNewest = 0.15;  // weight of the newest guess, and of the newest time
// What is expected of a token more in a pass while nothing was measured: weights are read once.
constexpr double kShareOfStep = 0.05;
// Times of passes that are not taken drift back to that, so that an outlier does not end guessing
// for good.
constexpr double kForget = 0.01;
constexpr double kLeastGain = 1.02;

}  // namespace

void DraftRecord::add(bool right) { share_ += kNewest * ((right ? 1.0 : 0.0) - share_); }

double DraftPlanner::ms_of(int64_t num_tokens) const {
  const double known = ms_[static_cast<size_t>(num_tokens)];
  if (known > 0) return known;
  return ms_[1] * (1 + kShareOfStep * static_cast<double>(num_tokens - 1));
}

DraftPlanner::Plan DraftPlanner::plan(const DraftRecord& record, int64_t available,
                                      double ms_each) const {
  const int64_t most = std::min(most_, available);
  if (!adaptive_) return {.num_tokens = most};
  if (ms_[1] <= 0) return {};
  Plan best;
  double right_so_far = 1, expected = 1;  // tokens of a pass
  for (int64_t n = 1; n <= most; ++n) {
    right_so_far *= record.share_right();
    expected += right_so_far;
    const double ms = ms_of(n + 1) + static_cast<double>(n) * ms_each;
    const double gain = expected * ms_[1] / ms;
    if (gain > std::max(best.gain, kLeastGain)) best = {n, gain};
  }
  return best;
}

void DraftPlanner::observe_guess(int64_t num_tokens, double ms) {
  const double each = ms / static_cast<double>(num_tokens);
  ms_guess_ = ms_guess_ > 0 ? ms_guess_ + kNewest * (each - ms_guess_) : each;
}

void DraftPlanner::observe(int64_t num_tokens, double ms) {
  GLMV_CHECK(num_tokens >= 1 && num_tokens <= kMaxDraftTokens + 1, "a pass of {} tokens",
             num_tokens);
  for (size_t n = 2; num_tokens == 1 && n < ms_.size(); ++n) {
    const double expected = ms * (1 + kShareOfStep * static_cast<double>(n - 1));
    if (ms_[n] > 0) ms_[n] += kForget * (expected - ms_[n]);
  }
  double& known = ms_[static_cast<size_t>(num_tokens)];
  known = known > 0 ? known + kNewest * (ms - known) : ms;
}

}  // namespace glmv::runtime
