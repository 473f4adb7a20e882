#pragma once

#include <atomic>
#include <functional>
#include <span>

#include "glmv/api/chat_types.h"

namespace glmv::api {

// Called now and then with what is new, which may be nothing; false: stop.
using OnChunk = std::function<bool(const ChatChunk&)>;

// Whoever answers chat requests. Thread-safe: several chats may run at once.
class ChatBackend {
 public:
  virtual ~ChatBackend() = default;

  // Blocks until the reply is complete. `on_chunk` (may be empty) is called on the calling thread
  // for every piece, and with an empty one now and then while there is none; returning false
  // cancels, and the reply so far comes back with finish_reason "cancelled".
  virtual Result<ChatReply> chat(const ChatRequest& request, const OnChunk& on_chunk) = 0;

  // The messages with the pages of their documents in place of these, as chat() shows them to the
  // model; as they are where only a server knows them. `on_chunk` (may be empty) hears how far it
  // is. Errors name the part and the file; cancelled.
  virtual Result<std::vector<text::Message>> with_pages(std::span<const text::Message> messages,
                                                        int64_t /*max_pixels*/,
                                                        const OnChunk& /*on_chunk*/ = {}) const {
    return std::vector<text::Message>(messages.begin(), messages.end());
  }
};

}  // namespace glmv::api
