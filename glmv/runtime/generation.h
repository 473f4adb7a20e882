#pragma once
// Everything of one request between a row of logits and the events of its output: forced tokens,
// logits processors, grammar, sampler, stop conditions, loop detector. No tensor types.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "glmv/runtime/answer_constraint.h"
#include "glmv/runtime/logits_processors.h"
#include "glmv/runtime/loop_detector.h"
#include "glmv/runtime/request.h"
#include "glmv/runtime/sampler.h"
#include "glmv/runtime/stopping.h"
#include "glmv/runtime/thinking_budget.h"

namespace glmv::runtime {

// What all requests of an engine share.
struct GenerationContext {
  std::vector<int32_t> eos_ids;
  std::function<std::string(int32_t)> token_bytes;  // may be empty
  VocabularyMask mask;
};

class Generation {
 public:
  // `max_tokens` > 0: limit of the output (max_new_tokens and context). `context` outlives this.
  Generation(const Request& request, int64_t max_tokens, const GenerationContext& context);

  struct Outcome {
    int32_t token_id = -1;             // chosen; to be fed to the model when finish == kNone
    std::vector<TokenEvent> released;  // tokens that may be emitted now
    FinishReason finish = FinishReason::kNone;
    int32_t stop_token_id = -1;
    std::string stop_string;
    bool grammar_dead_end = false;
  };
  // Takes the raw logits of the last position (changed in place). Error: broken logits, or a
  // grammar that takes too long to follow.
  Result<Outcome> step(std::span<float> logits);

  // Tokens still held back, when the output ends from outside (cancel, error).
  std::vector<TokenEvent> flush() { return stopping_.flush(); }

  int64_t num_tokens() const { return stopping_.num_tokens(); }
  int64_t num_reasoning_tokens() const { return thinking_.num_reasoning_tokens(); }

 private:
  // Ends an output whose last token is not its reason.
  void end(Outcome& outcome, FinishReason reason);
  Outcome dead_end();

  const GenerationContext& context_;
  int num_logprobs_;
  Penalties penalties_;
  Sampler sampler_;
  Stopping stopping_;
  ThinkingTracker thinking_;
  AnswerConstraint answer_;
  std::optional<LoopTracker> loop_;
};

}  // namespace glmv::runtime
