#include "glmv/chat/reply_assembler.h"

#include <algorithm>
#include <random>
#include <utility>

#include "glmv/base/utf8.h"
#include "glmv/parsers/answer.h"

namespace glmv::chat {
namespace {

api::ChatChunk progress_chunk(const runtime::Progress& progress) {
  api::ChatChunk chunk;
  if (progress.phase == runtime::Phase::kEncodingMedia) chunk.progress_phase = "vision";
  if (progress.phase == runtime::Phase::kPrefill) chunk.progress_phase = "prefill";
  chunk.progress_done = progress.done;
  chunk.progress_total = progress.total;
  chunk.progress_cached = progress.cached;
  chunk.progress_ms = progress.ms;
  return chunk;
}

std::string fresh_call_id() {
  static thread_local std::random_device device;
  return fmt::format("call_{:08x}{:08x}{:08x}", device(), device(), device());
}

// The start of a character that `bytes` end in.
std::string incomplete_tail(std::string_view bytes) {
  for (size_t pos = 0; pos < bytes.size(); ++pos) {
    if (decode_utf8(bytes, pos).incomplete) return std::string(bytes.substr(pos));
  }
  return {};
}

}  // namespace

ReplyAssembler::ReplyAssembler(const text::Tokenizer& tokenizer, parsers::ReasoningOptions options)
    : tokenizer_(tokenizer), detokenizer_(tokenizer), parser_(std::move(options)) {}

api::ChatChunk ReplyAssembler::on_event(const runtime::TokenEvent& event) {
  if (event.progress) return progress_chunk(*event.progress);
  return event.token_id ? on_token(event) : api::ChatChunk{};
}

api::ChatChunk ReplyAssembler::on_token(const runtime::TokenEvent& event) {
  const int32_t id = *event.token_id;
  output_ids_.push_back(id);
  parsers::ReasoningDelta delta;
  if (event.keep_bytes < 0) {
    const std::string text = detokenizer_.push(id);
    raw_text_ += text;
    delta = parser_.feed(id, text);
    output_tail_ += tokenizer_.token_bytes(id);
    if (output_tail_.size() > 3) output_tail_.erase(0, output_tail_.size() - 3);
  } else {
    // Cut by a stop string: no longer the token it was.
    detokenizer_.finish();  // its held bytes are the tail of output_tail_ too
    std::string bytes = incomplete_tail(output_tail_);
    bytes += tokenizer_.token_bytes(id).substr(0, event.keep_bytes);
    const std::string text = repair_utf8(bytes);
    raw_text_ += text;
    delta = parser_.feed(text);
  }
  api::ChatChunk chunk = chunk_of(std::move(delta));
  if (!event.logprobs.empty()) {
    api::LogprobEntry entry = entry_of(event.logprobs[0]);
    for (size_t i = 1; i < event.logprobs.size(); ++i) {
      entry.top.push_back(entry_of(event.logprobs[i]));
    }
    logprobs_.push_back(entry);
    chunk.logprobs.push_back(std::move(entry));
  }
  return chunk;
}

api::ChatChunk ReplyAssembler::finish() {
  const std::string text = detokenizer_.finish();
  raw_text_ += text;
  parsers::ReasoningDelta delta = parser_.feed(text);
  parsers::ReasoningDelta last = parser_.finish();
  last.reasoning.insert(0, delta.reasoning);
  last.content.insert(0, delta.content);
  last.calls.insert(last.calls.begin(), delta.calls.begin(), delta.calls.end());
  return chunk_of(std::move(last));
}

api::ChatChunk ReplyAssembler::chunk_of(parsers::ReasoningDelta delta) {
  api::ChatChunk chunk{.reasoning = std::move(delta.reasoning),
                       .content = std::move(delta.content)};
  for (parsers::ToolCallDelta& call : delta.calls) {
    if (!call.name.empty()) call_ids_.push_back(fresh_call_id());
    chunk.tool_calls.push_back({.index = call.index,
                                .id = call.name.empty() ? "" : call_ids_.back(),
                                .name = std::move(call.name),
                                .arguments = std::move(call.arguments)});
  }
  return chunk;
}

std::optional<std::string> ReplyAssembler::open_thought() const {
  parsers::ReasoningResult result = parser_.result();
  if (!result.ended_in_reasoning) return std::nullopt;
  return std::move(result.reasoning);
}

int ReplyAssembler::num_complete_calls() const {
  return static_cast<int>(
      std::ranges::count_if(parser_.calls(), [](const auto& call) { return call.complete; }));
}

void ReplyAssembler::fill(api::ChatReply& reply, bool streamed) const {
  parsers::ReasoningResult result = parser_.result(!streamed);
  for (size_t i = 0; i < result.calls.size(); ++i) {
    parsers::ParsedCall& call = result.calls[i];
    reply.tool_calls.push_back({.id = call_ids_.at(i),
                                .name = std::move(call.name),
                                .arguments = std::move(call.arguments),
                                .complete = call.complete});
  }
  reply.boxed = parsers::extract_boxed(result.marked_content);
  reply.restated = result.restated;
  reply.reasoning = std::move(result.reasoning);
  reply.content = std::move(result.content);
  reply.output_ids = output_ids_;
  reply.logprobs = logprobs_;
  reply.raw_text = raw_text_;
  reply.usage.reasoning_tokens = parser_.num_reasoning_tokens();
}

std::string ReplyAssembler::marked_answer(bool streamed) const {
  return parser_.result(!streamed).marked_content;
}

api::LogprobEntry ReplyAssembler::entry_of(const runtime::TokenLogprob& logprob) const {
  return {.token = std::string(tokenizer_.token_bytes(logprob.token_id)),
          .token_id = logprob.token_id,
          .logprob = logprob.logprob};
}

bool is_empty(const api::ChatChunk& chunk) {
  return chunk.reasoning.empty() && chunk.content.empty() && chunk.progress_phase.empty() &&
         chunk.logprobs.empty() && chunk.tool_calls.empty();
}

}  // namespace glmv::chat
