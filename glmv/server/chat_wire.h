#pragma once
// Replies of a backend in OpenAI's form: chat.completion and its chunks.

#include <cstdint>
#include <string>

#include "glmv/api/chat_types.h"

namespace glmv::server {

// What all parts of one reply have in common.
struct ReplyHead {
  std::string id;        // "chatcmpl-..."
  int64_t created = 0;   // Unix time, s
  std::string model;     // as the client asked for it
  std::string fingerprint;
};

// A choice of a whole reply.
Json choice_json(const api::ChatReply& reply, int index, bool include_reasoning);
// prompt_tokens once; the completions of all choices added.
Json usage_json(const std::vector<api::ChatReply>& replies);
Json completion_json(const ReplyHead& head, Json choices, Json usage);

// A chunk with one choice; `usage_field`: with "usage": null, as clients expect who asked for usage.
Json chunk_json(const ReplyHead& head, int index, Json delta, Json finish_reason, Json logprobs,
                bool usage_field);
// The last chunk, without choices.
Json usage_chunk_json(const ReplyHead& head, Json usage);

// The deltas of a piece: reasoning under both names that clients read.
Json delta_json(const api::ChatChunk& chunk, bool include_reasoning);
// {"content": [...], "refusal": null}; null for none.
Json logprobs_json(const std::vector<api::LogprobEntry>& entries);

// stop, length: what a client may see.
std::string finish_reason(const api::ChatReply& reply);

}  // namespace glmv::server
