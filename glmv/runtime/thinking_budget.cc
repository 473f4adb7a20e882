#include "glmv/runtime/thinking_budget.h"

#include <algorithm>

namespace glmv::runtime {

ThinkingTracker::ThinkingTracker(const ThinkingBudget& budget, int64_t max_tokens)
    : budget_(budget),
      max_tokens_(max_tokens),
      answer_tokens_(std::min(std::max<int64_t>(budget.min_answer_tokens, 0), max_tokens / 4)),
      in_thought_(budget.starts_open) {}

std::optional<int32_t> ThinkingTracker::forced() const {
  if (num_forced_ > 0) return budget_.force_ids[num_forced_];
  if (!in_thought_ || budget_.force_ids.empty()) return std::nullopt;
  const int64_t room = max_tokens_ - num_tokens_ - static_cast<int64_t>(budget_.force_ids.size());
  const bool spent = budget_.max_tokens >= 0 && num_reasoning_ >= budget_.max_tokens;
  const bool asked = budget_.end_now && budget_.end_now->load(std::memory_order_relaxed);
  if (spent || asked || ending_ || room <= answer_tokens_) return budget_.force_ids[0];
  return std::nullopt;
}

bool ThinkingTracker::end_thought() {
  ending_ = in_thought_ && !budget_.force_ids.empty();
  return ending_;
}

void ThinkingTracker::observe(int32_t token_id) {
  if (forced() == token_id) {
    if (++num_forced_ == budget_.force_ids.size()) {
      num_forced_ = 0;
      ending_ = false;
      // Also without a known end tag the forced ids must not repeat for ever.
      in_thought_ = false;
    }
  }
  ++num_tokens_;
  if (token_id == budget_.think_end_id && budget_.think_end_id >= 0) {
    in_thought_ = false;
  } else if (token_id == budget_.think_start_id && budget_.think_start_id >= 0) {
    in_thought_ = true;
  } else if (in_thought_ && num_forced_ == 0) {
    ++num_reasoning_;
  }
}

}  // namespace glmv::runtime
