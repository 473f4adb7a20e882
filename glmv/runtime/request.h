#pragma once
// What the engine is asked and what it answers. No tensor types here: chat, server and programs
// include this file.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/processing/model_input.h"

namespace glmv::runtime {

// Sampling controls, applied in this order: logit bias, repetition penalty (prompt + output),
// presence and frequency penalties (output only), temperature, top-k, top-p, min-p.
struct SamplingParams {
  double temperature = 1.0;  // 0: greedy
  double top_p = 1.0;        // smallest set with mass >= top_p, at least one
  int64_t top_k = 0;         // 0: off
  double min_p = 0.0;        // keep p >= min_p * max p
  double repetition_penalty = 1.0;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  std::map<int32_t, double> logit_bias;
  std::optional<uint64_t> seed;  // none: drawn from the system
  int num_logprobs = -1;         // -1: none; 0: of the chosen token; n: and of the n best
};

struct StopConditions {
  int64_t max_new_tokens = -1;            // -1: up to the context limit
  int64_t min_new_tokens = 0;             // before, EOS and stop ids are not sampled
  std::vector<int32_t> stop_token_ids;    // in addition to the model's EOS ids
  std::vector<std::string> stop_strings;  // found in the detokenised text
  bool include_stop_string = false;
  bool ignore_eos = false;
};

// Forces the end of a thought that runs too long. Ids come from the tokenizer by name.
struct ThinkingBudget {
  int64_t max_tokens = -1;          // -1: no limit
  int64_t min_answer_tokens = 256;  // always left for the answer below the overall limit
  int32_t think_start_id = -1;      // -1: the model has no such token
  int32_t think_end_id = -1;
  bool starts_open = false;        // the prompt already ends inside a thought
  std::vector<int32_t> force_ids;  // </think>, and <answer> for 4.1V
  std::shared_ptr<const std::atomic<bool>>
      end_now;  // true: the thought under way ends; may be null
};

struct LoopDetector {
  bool enabled = false;
};

class CompiledGrammar;  // grammar.h

// A grammar that the answer must follow, from its first token on.
struct AnswerGrammar {
  std::shared_ptr<const CompiledGrammar> grammar;  // none: the answer is free
  enum class Start {
    kNow,            // with the first token
    kMaybeThought,   // the output may begin with a thought
    kBehindThought,  // the prompt closed the thought; line breaks may come before the answer
  };
  // Of an output that does not start inside a thought (ThinkingBudget::starts_open).
  Start start = Start::kNow;
  std::vector<int32_t> open_ids;            // forced behind a thought: <answer> for 4.1V
  std::vector<int32_t> not_in_thought_ids;  // tags that would end it early
  // The output is free until this token, from which on the grammar holds until it is complete; so
  // each time. -1: it holds for the whole answer. Beside it nothing but the grammar counts.
  int32_t trigger_id = -1;
};

struct Request {
  processing::ModelInput input;
  SamplingParams sampling;
  StopConditions stop;
  ThinkingBudget thinking;
  LoopDetector loop;
  int64_t priority = 0;  // lower first; of equal ones who came first
  // Requests find what others computed (prefixes, encoded media) only under the same salt.
  std::string cache_salt;
  AnswerGrammar answer;
};

struct TokenLogprob {
  int32_t token_id;
  float logprob;
};

enum class FinishReason { kNone, kStop, kLength, kCancelled, kRepetition, kError };
std::string_view finish_reason_name(FinishReason reason);  // "stop", "length", ...

enum class Phase { kQueued, kEncodingMedia, kPrefill, kDecode };

// Progress before the first token, for progress bars: `done` of `total` units of a phase
// (patches of pictures, tokens of the prompt), `cached` of them found in a cache.
struct Progress {
  Phase phase = Phase::kQueued;
  int64_t done = 0;
  int64_t total = 0;
  int64_t cached = 0;
  double ms = 0;  // since the request left the queue
};

struct Timings {
  double queue_ms = 0;
  double vision_ms = 0;
  double prefill_ms = 0;
  double decode_ms = 0;
  double time_to_first_token_ms = 0;
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of these, found in the cache of earlier requests
  int64_t image_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;
};

// One event of a request's stream. Exactly one of: progress, a token, or the end.
struct TokenEvent {
  std::optional<Progress> progress;
  std::optional<int32_t> token_id;
  bool forced = false;  // inserted by the thinking budget, not sampled
  // >= 0: a stop string cut this token; only its first keep_bytes bytes belong to the output.
  int64_t keep_bytes = -1;
  std::vector<TokenLogprob> logprobs;  // [0]: the token itself, then the best
  FinishReason finish = FinishReason::kNone;
  std::optional<Status> error;    // with finish == kError
  int32_t stop_token_id = -1;     // EOS or stop id that ended the output (not emitted)
  std::string stop_string;        // stop string that ended it
  bool grammar_dead_end = false;  // with kStop: the grammar let nothing follow
  Timings timings;                // at the end
  Usage usage;                    // at the end
};

using RequestId = uint64_t;

}  // namespace glmv::runtime
