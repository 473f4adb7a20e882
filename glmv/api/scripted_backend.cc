#include "glmv/api/scripted_backend.h"

#include <iterator>
#include <utility>

namespace glmv::api {

ScriptedReply ScriptedReply::text(std::vector<std::string> pieces) {
  ScriptedReply script;
  for (std::string& piece : pieces) script.pieces.push_back({.content = std::move(piece)});
  return script;
}

ScriptedReply ScriptedReply::failure(Status status) {
  ScriptedReply script;
  script.error = std::move(status);
  return script;
}

ScriptedBackend::ScriptedBackend(std::vector<ScriptedReply> replies)
    : replies_(std::make_move_iterator(replies.begin()), std::make_move_iterator(replies.end())) {}

Result<ChatReply> ScriptedBackend::chat(const ChatRequest& request, const OnChunk& on_chunk) {
  ScriptedReply script;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (replies_.empty()) {
      return unavailable("the script holds no reply for request {}: add one", requests_.size());
    }
    script = std::move(replies_.front());
    replies_.pop_front();
  }
  ChatReply reply = std::move(script.reply);
  reply.reasoning.clear();
  reply.content.clear();
  reply.logprobs.clear();
  reply.tool_calls.clear();
  if (reply.finish_reason.empty()) reply.finish_reason = "stop";
  for (const ChatChunk& piece : script.pieces) {
    reply.reasoning += piece.reasoning;
    reply.content += piece.content;
    for (const ToolCallDelta& call : piece.tool_calls) {
      if (!call.name.empty()) reply.tool_calls.push_back({.id = call.id, .name = call.name});
      reply.tool_calls.at(call.index).arguments += call.arguments;
    }
    reply.logprobs.insert(reply.logprobs.end(), piece.logprobs.begin(), piece.logprobs.end());
    if (on_chunk && !on_chunk(piece)) {
      reply.finish_reason = "cancelled";
      return reply;
    }
  }
  if (script.error) return std::unexpected(std::move(*script.error));
  return reply;
}

std::vector<ChatRequest> ScriptedBackend::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

}  // namespace glmv::api
