#pragma once

#include <atomic>
#include <functional>

#include "glmv/api/chat_types.h"

namespace glmv::api {

// Whoever answers chat requests. Thread-safe: several chats may run at once.
class ChatBackend {
 public:
  virtual ~ChatBackend() = default;

  // Blocks until the reply is complete. `on_chunk` (may be empty) is called on the calling thread
  // for every piece, and with an empty one now and then while there is none; returning false
  // cancels, and the reply so far comes back with finish_reason "cancelled".
  virtual Result<ChatReply> chat(const ChatRequest& request,
                                 const std::function<bool(const ChatChunk&)>& on_chunk) = 0;
};

}  // namespace glmv::api
