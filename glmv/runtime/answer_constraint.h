#pragma once
// Keeps the answer of one output inside a grammar: masks logits, follows the tokens, says when the
// answer is complete. The thought before the answer is free.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "glmv/runtime/grammar.h"
#include "glmv/runtime/request.h"

namespace glmv::runtime {

//  kMaybeThought --<think>--> kThought --</think>--> kOpening --open_ids forced--> kAnswer
//        \---- a token of the answer ---------------------------------------------^
// With a trigger: kFree --the trigger--> kAnswer --complete--> kFree, in thoughts as well.
// Line breaks that models put in front of an answer are not part of it: kMaybeThought (there they
// announce a thought) and, behind a thought, kOpening let a few pass.
class AnswerConstraint {
 public:
  // Without a grammar in the request nothing is ever masked.
  explicit AnswerConstraint(const Request& request);

  bool active() const { return matcher_.has_value(); }

  // The id that must come next; ask after ThinkingTracker::forced().
  std::optional<int32_t> forced() const;
  // Sets to -inf what may not come next. False: nothing with a finite logit is left.
  bool apply(std::span<float> logits);
  // The token that came, sampled or forced. Error: the grammar is too slow to follow.
  Result<void> observe(int32_t token_id);

  // The answer is complete and cannot go on.
  bool is_finished();
  // The answer is not complete and nothing can follow.
  bool is_dead_end();

 private:
  enum class State { kFree, kMaybeThought, kThought, kOpening, kAnswer };

  void leave_thought();
  void accept(int32_t token_id);
  // From the trigger on.
  void follow(int32_t token_id);
  bool may_break_line() const;
  bool is_line_break(int32_t token_id) const;

  std::optional<GrammarMatcher> matcher_;
  std::shared_ptr<const CompiledGrammar> grammar_;
  int32_t trigger_id_ = -1;
  int32_t think_start_id_ = -1;
  int32_t think_end_id_ = -1;
  std::vector<int32_t> open_ids_;
  std::vector<int32_t> not_in_thought_;
  bool ignore_eos_ = false;
  State state_ = State::kAnswer;
  size_t num_opened_ = 0;        // of open_ids_
  int num_line_breaks_ = 0;      // in front of the answer
  bool rejected_ = false;        // a forced token, or a bug, left the grammar
  std::vector<uint32_t> extra_;  // allowed beside the grammar
};

}  // namespace glmv::runtime
