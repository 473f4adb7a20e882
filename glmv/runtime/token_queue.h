#pragma once
// The events of one request on their way from the engine thread to the consumer of a TokenStream.

#include <condition_variable>
#include <deque>
#include <mutex>

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

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<TokenEvent> events_;
  bool closed_ = false;
};

}  // namespace glmv::runtime
