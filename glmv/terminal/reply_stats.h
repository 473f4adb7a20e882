#pragma once
// The figures of one reply.

#include <cstdint>
#include <string>

#include "glmv/api/chat_types.h"

namespace glmv::terminal {

struct ReplyStats {
  int64_t prompt_tokens = 0, image_tokens = 0, cached_tokens = 0;
  int64_t generated_tokens = 0, thought_tokens = 0;
  int64_t context_tokens = 0, context_limit = 0;  // limit 0: not known
  double prompt_ms = 0;                           // pictures and prompt read
  double first_token_ms = 0, generation_ms = 0;
  std::string stop;  // eos | string | length | interrupted | repetition | tool_calls
};

// `first_ms`, `total_ms`: as measured by who waited, for backends that tell no times.
ReplyStats stats_of(const api::ChatReply& reply, int64_t context_limit, double first_ms,
                    double total_ms);

// "[prompt 1284 tok (1196 image) 12.3 s 104 t/s . ttft 12.6 s . gen 356 tok 41.0 s 8.7 t/s . ...]"
// with middle dots.
std::string stats_line(const ReplyStats& stats);

// The same as an object, times in ms: keys prompt_tokens, image_tokens, cached_tokens, prompt_ms,
// prompt_per_second, ttft_ms, gen_tokens, gen_ms, gen_per_second, think_tokens, ctx_tokens,
// ctx_limit, stop.
Json to_json(const ReplyStats& stats);
// Back; what is missing or no number is 0.
ReplyStats stats_from_json(const Json& json);

}  // namespace glmv::terminal
