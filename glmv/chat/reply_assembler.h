#pragma once
// The events of one request -> pieces to show and the complete reply.

#include <string>
#include <string_view>

#include "glmv/api/chat_types.h"
#include "glmv/parsers/reasoning.h"
#include "glmv/runtime/request.h"
#include "glmv/text/detokenizer.h"
#include "glmv/text/tokenizer.h"

namespace glmv::chat {

class ReplyAssembler {
 public:
  // `tokenizer` outlives this object.
  ReplyAssembler(const text::Tokenizer& tokenizer, parsers::ReasoningOptions options);

  // What an event shows: progress, or the text and log-probabilities of its token. May be empty.
  api::ChatChunk on_event(const runtime::TokenEvent& event);
  // The output so far ends inside a thought, which has this text.
  std::optional<std::string> open_thought() const;
  // Calls that have ended.
  int num_complete_calls() const;
  // The end of the output: text that was held back.
  api::ChatChunk finish();

  // After finish(): sets reasoning, content, restated, tool_calls, boxed, output_ids, logprobs,
  // raw_text and usage.reasoning_tokens. `streamed`: the pieces were shown, so text in front of an
  // unopened
  // </think> stays answer.
  void fill(api::ChatReply& reply, bool streamed) const;
  // The answer with its box markers, for parse_grounding.
  std::string marked_answer(bool streamed) const;

 private:
  api::ChatChunk on_token(const runtime::TokenEvent& event);
  api::ChatChunk chunk_of(parsers::ReasoningDelta delta);
  api::LogprobEntry entry_of(const runtime::TokenLogprob& logprob) const;

  const text::Tokenizer& tokenizer_;
  text::Detokenizer detokenizer_;
  parsers::ReasoningParser parser_;
  std::vector<std::string> call_ids_;
  std::string output_tail_;  // the last three bytes of the output
  std::string raw_text_;
  std::vector<int32_t> output_ids_;
  std::vector<api::LogprobEntry> logprobs_;
};

bool is_empty(const api::ChatChunk& chunk);

}  // namespace glmv::chat
