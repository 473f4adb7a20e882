#pragma once
// The events of one request on their way from the engine thread to the consumer of a TokenStream.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "glmv/runtime/request.h"

namespace glmv::runtime {

// Thread-safe; one producer, one consumer. Never blocks the producer.
class TokenQueue {
 public:
  // Ignored after an event with finish != kNone. Progress that was not read yet is replaced by
  // newer progress of the same phase.
  void push(TokenEvent event);

  // Blocks until there is an event. The last one (finish != kNone) is returned again and again.
  TokenEvent pop();
  // The same, or none when there is no event after `wait`.
  std::optional<TokenEvent> pop_for(std::chrono::milliseconds wait);

 private:
  TokenEvent take();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<TokenEvent> events_;
  bool closed_ = false;
};

}  // namespace glmv::runtime
