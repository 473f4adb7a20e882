#pragma once
// A ChatBackend that replays prepared replies, for tests of everything above the wire contract.

#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "glmv/api/chat_backend.h"

namespace glmv::api {

// One prepared answer. The reply's reasoning, content and logprobs are those of the pieces that
// were delivered; everything else comes from `reply`.
struct ScriptedReply {
  std::vector<ChatChunk> pieces;
  ChatReply reply;              // finish_reason empty: "stop"
  std::optional<Status> error;  // comes instead of the reply, after the pieces

  // A reply whose answer comes in these pieces.
  static ScriptedReply text(std::vector<std::string> pieces);
  static ScriptedReply failure(Status status);
};

// Thread-safe. Each chat takes the next script; unavailable when none is left.
class ScriptedBackend : public ChatBackend {
 public:
  explicit ScriptedBackend(std::vector<ScriptedReply> replies);

  Result<ChatReply> chat(const ChatRequest& request, const OnChunk& on_chunk) override;

  // The requests so far, in order of arrival.
  std::vector<ChatRequest> requests() const;

 private:
  mutable std::mutex mutex_;
  std::deque<ScriptedReply> replies_;
  std::vector<ChatRequest> requests_;
};

}  // namespace glmv::api
