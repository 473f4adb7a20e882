#include "glmv/runtime/answer_constraint.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace glmv::runtime {
namespace {

constexpr int kMaxLineBreaks = 2;
// Of one token. A grammar may be so ambiguous that following it takes longer and longer; others
// wait for this thread.
constexpr auto kMaxStepTime = std::chrono::seconds(1);
constexpr float kNever = -std::numeric_limits<float>::infinity();

}  // namespace

AnswerConstraint::AnswerConstraint(const Request& request) {
  const AnswerGrammar& answer = request.answer;
  if (!answer.grammar) return;
  grammar_ = answer.grammar;
  matcher_.emplace(answer.grammar);
  think_start_id_ = request.thinking.think_start_id;
  think_end_id_ = request.thinking.think_end_id;
  open_ids_ = answer.open_ids;
  not_in_thought_ = answer.not_in_thought_ids;
  ignore_eos_ = request.stop.ignore_eos;
  trigger_id_ = answer.trigger_id;
  if (trigger_id_ >= 0) {
    state_ = State::kFree;
  } else if (request.thinking.starts_open) {
    state_ = State::kThought;
  } else if (answer.start == AnswerGrammar::Start::kMaybeThought && think_start_id_ >= 0) {
    state_ = State::kMaybeThought;
  } else if (answer.start == AnswerGrammar::Start::kBehindThought) {
    state_ = State::kOpening;
    num_opened_ = open_ids_.size();  // the prompt holds them
  }
}

bool AnswerConstraint::may_break_line() const {
  const bool before = state_ == State::kMaybeThought ||
                      (state_ == State::kOpening && num_opened_ == open_ids_.size());
  return before && num_line_breaks_ < kMaxLineBreaks;
}

bool AnswerConstraint::is_line_break(int32_t token_id) const {
  return std::ranges::find(grammar_->line_break_ids(), token_id) !=
         grammar_->line_break_ids().end();
}

std::optional<int32_t> AnswerConstraint::forced() const {
  if (!active() || state_ != State::kOpening || num_opened_ == open_ids_.size())
    return std::nullopt;
  return open_ids_[num_opened_];
}

bool AnswerConstraint::apply(std::span<float> logits) {
  if (!active() || state_ == State::kFree) return true;
  if (state_ == State::kThought) {
    // An end here would leave the request without its answer.
    for (const int32_t id : grammar_->stop_ids()) logits[id] = kNever;
    for (const int32_t id : not_in_thought_) logits[id] = kNever;
    return std::ranges::any_of(logits, [](float logit) { return std::isfinite(logit); });
  }
  const std::span<const uint32_t> grammar_bits = matcher_->allowed();
  // Behind a line break only a thought may still come, unless the grammar took the break.
  const bool only_thought = state_ == State::kMaybeThought && num_line_breaks_ > 0;
  std::vector<uint32_t>& bits = extra_;
  bits.assign(grammar_bits.begin(), grammar_bits.end());
  if (only_thought) std::ranges::fill(bits, 0);
  const auto allow = [&](int32_t id) { bits[id / 32] |= uint32_t{1} << (id % 32); };
  if (state_ == State::kMaybeThought) allow(think_start_id_);
  if (may_break_line()) {
    for (const int32_t id : grammar_->line_break_ids()) allow(id);
  }
  if (ignore_eos_) {
    for (const int32_t id : grammar_->stop_ids()) bits[id / 32] &= ~(uint32_t{1} << (id % 32));
  }
  bool any = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (((bits[i / 32] >> (i % 32)) & 1) == 0) {
      logits[i] = kNever;
    } else {
      any = any || std::isfinite(logits[i]);
    }
  }
  return any;
}

void AnswerConstraint::leave_thought() {
  state_ = State::kOpening;
  num_opened_ = 0;
  num_line_breaks_ = 0;
}

void AnswerConstraint::follow(int32_t token_id) {
  if (state_ == State::kFree) {
    if (token_id != trigger_id_) return;
    matcher_.emplace(grammar_);
  }
  accept(token_id);
  // What was forced into it, as the end of a thought, ends it too.
  if (rejected_ || (matcher_->is_complete() && matcher_->is_exhausted())) state_ = State::kFree;
  rejected_ = false;
}

void AnswerConstraint::accept(int32_t token_id) {
  state_ = State::kAnswer;
  rejected_ = !matcher_->accept(token_id);
}

Result<void> AnswerConstraint::observe(int32_t token_id) {
  if (!active() || rejected_) return {};
  const auto start = std::chrono::steady_clock::now();
  switch (state_) {
    case State::kFree:
      break;
    case State::kThought:
      if (token_id == think_end_id_) leave_thought();
      return {};
    case State::kMaybeThought:
      if (token_id == think_start_id_) {
        state_ = State::kThought;
        return {};
      }
      if (token_id == think_end_id_) {  // forced
        leave_thought();
        return {};
      }
      break;
    case State::kOpening:
      if (num_opened_ < open_ids_.size()) {
        ++num_opened_;
        return {};
      }
      break;
    case State::kAnswer:
      break;
  }
  if (trigger_id_ >= 0) {
    follow(token_id);
  } else if (state_ != State::kAnswer && may_break_line() && !matcher_->allows(token_id) &&
             is_line_break(token_id)) {
    ++num_line_breaks_;
    return {};
  } else {
    accept(token_id);
    matcher_->allowed();
  }
  if (std::chrono::steady_clock::now() - start > kMaxStepTime) {
    return invalid_argument(
        "the grammar of the answer is too ambiguous: one token of it took more than a "
        "second to check; simplify it");
  }
  return {};
}

bool AnswerConstraint::is_finished() {
  return active() && !rejected_ && state_ == State::kAnswer && matcher_->is_complete() &&
         matcher_->is_exhausted();
}

bool AnswerConstraint::is_dead_end() {
  if (!active() || state_ != State::kAnswer) return false;
  return rejected_ || (!matcher_->is_complete() && matcher_->is_exhausted());
}

}  // namespace glmv::runtime
