#pragma once
// Follows the thought of one output and says which tokens to force when it runs too
// long.

#include <cstdint>
#include <optional>

#include "glmv/runtime/request.h"

namespace glmv::runtime {

class ThinkingTracker {
 public:
  // `max_tokens`: limit of the whole output. The room left for the answer is
  // budget.min_answer_tokens, or a quarter of a limit that is too small for that: a short limit
  // still allows a short thought.
  ThinkingTracker(const ThinkingBudget& budget, int64_t max_tokens);

  // The id that must come next instead of a sampled one. Ask once before each token.
  std::optional<int32_t> forced() const;
  // The token that came (forced or sampled).
  void observe(int32_t token_id);

  // The thought under way ends with the next token. False: there is none, or nothing to end it by.
  bool end_thought();

  // Tokens inside thoughts, without the tags.
  int64_t num_reasoning_tokens() const { return num_reasoning_; }

 private:
  ThinkingBudget budget_;
  int64_t max_tokens_;
  int64_t answer_tokens_;
  bool in_thought_;
  int64_t num_tokens_ = 0;
  int64_t num_reasoning_ = 0;
  size_t num_forced_ = 0;  // of force_ids, in the sequence under way
  bool ending_ = false;    // asked for by end_thought()
};

}  // namespace glmv::runtime
