#include "glmv/runtime/generation.h"

#include <random>
#include <utility>

namespace glmv::runtime {
namespace {

uint64_t seed_of(const SamplingParams& params) {
  if (params.seed) return *params.seed;
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

}  // namespace

Generation::Generation(const Request& request, int64_t max_tokens, const GenerationContext& context)
    : context_(context),
      num_logprobs_(request.sampling.num_logprobs),
      penalties_(request.sampling, request.input.input_ids),
      sampler_(request.sampling, seed_of(request.sampling)),
      stopping_(request.stop, context.eos_ids, max_tokens, context.token_bytes),
      thinking_(request.thinking, max_tokens),
      answer_(request) {
  if (request.loop.enabled && context.token_bytes) loop_.emplace();
}

Result<Generation::Outcome> Generation::step(std::span<float> logits) {
  GLMV_RETURN_IF_ERROR(check_logits(logits));
  context_.mask.apply(logits);

  TokenEvent event;
  std::optional<int32_t> forced = thinking_.forced();
  if (!forced) forced = answer_.forced();
  event.forced = forced.has_value();
  // Log-probabilities are those of the model itself: before bias, penalties and temperature.
  std::vector<float> raw;
  if (num_logprobs_ >= 0) raw.assign(logits.begin(), logits.end());
  if (forced) {
    event.token_id = *forced;
  } else {
    penalties_.apply(logits);
    if (!answer_.apply(logits)) return dead_end();
    stopping_.mask_early_ends(logits);
    event.token_id = sampler_.sample(logits);
  }
  const int32_t id = *event.token_id;
  if (num_logprobs_ >= 0) event.logprobs = logprobs_of(raw, id, num_logprobs_);

  penalties_.observe(id);
  thinking_.observe(id);
  GLMV_RETURN_IF_ERROR(answer_.observe(id));
  Stopping::Verdict verdict = stopping_.push(std::move(event));
  Outcome outcome{id, std::move(verdict.released), verdict.finish, verdict.stop_token_id,
                  std::move(verdict.stop_string)};
  const bool emitted = outcome.stop_token_id < 0;
  if (emitted && outcome.finish == FinishReason::kNone &&
      (answer_.is_finished() || answer_.is_dead_end())) {
    end(outcome, FinishReason::kStop);
    outcome.grammar_dead_end = answer_.is_dead_end();
  }
  if (loop_ && emitted && loop_->push(context_.token_bytes(id)) &&
      outcome.finish == FinishReason::kNone) {
    // A thought that goes in circles ends, and the answer is looked at anew.
    if (thinking_.end_thought()) {
      loop_.emplace();
    } else {
      end(outcome, FinishReason::kRepetition);
    }
  }
  return outcome;
}

void Generation::end(Outcome& outcome, FinishReason reason) {
  for (TokenEvent& held : flush()) outcome.released.push_back(std::move(held));
  outcome.finish = reason;
}

Generation::Outcome Generation::dead_end() {
  Outcome outcome;
  end(outcome, FinishReason::kStop);
  outcome.grammar_dead_end = true;
  return outcome;
}

}  // namespace glmv::runtime
