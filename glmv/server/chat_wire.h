#pragma once
// Replies of a backend in OpenAI's form: chat.completion and its chunks.

#include <cstdint>
#include <string>
#include <vector>

#include "glmv/api/chat_types.h"
#include "glmv/server/chat_call.h"

namespace glmv::server {

// What all parts of one reply have in common.
struct ReplyHead {
  std::string id;       // "chatcmpl-..."
  int64_t created = 0;  // Unix time, s
  std::string model;    // as the client asked for it
  std::string fingerprint;
};

// A choice of a whole reply.
Json choice_json(const api::ChatReply& reply, const ChatCall& chat, int index);
// How a choice ended, beyond finish_reason: stop_reason and fields of ours (x_...).
void add_endings(const api::ChatReply& reply, Json& choice);
// What the reply marks as its answer: the field x_boxed of a message, and of the last delta.
void add_boxed(const api::ChatReply& reply, Json& message);
std::vector<api::ChatUsage> usages_of(const std::vector<api::ChatReply>& replies);
// The prompt of every n replies once; all completions.
Json usage_json(const std::vector<api::ChatUsage>& usages, int n);

// The field "usage" of the chunks of a stream before its last one: null, as clients expect who
// asked for usage, or what all choices have used so far, once that is known.
class StreamUsage {
 public:
  // `delivery` outlives this.
  StreamUsage(const Delivery& delivery, size_t num_choices)
      : delivery_(delivery), usages_(num_choices) {}

  // Of choice `index`; all zero: it is not told.
  void note(size_t index, const api::ChatUsage& so_far);
  void put(Json& chunk) const;

 private:
  const Delivery& delivery_;
  std::vector<api::ChatUsage> usages_;
};
// As llama.cpp's server has them: counts, milliseconds, rates.
Json timings_json(const api::ChatReply& reply);
Json completion_json(const ReplyHead& head, Json choices, Json usage);

// A chunk with one choice.
Json chunk_json(const ReplyHead& head, int index, Json delta, Json finish_reason, Json logprobs);
// The last chunk, without choices.
Json usage_chunk_json(const ReplyHead& head, Json usage);

// The deltas of a piece: reasoning under both names that clients read.
Json delta_json(const api::ChatChunk& chunk, bool include_reasoning);
// JSON has no infinity: -9999, as OpenAI sends it.
double wire_logprob(float logprob);
// {"content": [...], "refusal": null}; null for none.
Json logprobs_json(const std::vector<api::LogprobEntry>& entries);

// stop, length, tool_calls: what a client may see. A call that was named beforehand ends with stop.
std::string finish_reason(const api::ChatReply& reply, const api::ChatRequest& request);
// OpenAI's list, whole.
Json tool_calls_json(const std::vector<api::ToolCall>& calls);

}  // namespace glmv::server
