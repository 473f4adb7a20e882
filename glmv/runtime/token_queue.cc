#include "glmv/runtime/token_queue.h"

#include <utility>

namespace glmv::runtime {

void TokenQueue::push(TokenEvent event) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = event.finish != FinishReason::kNone;
    if (event.progress && !events_.empty() && events_.back().progress &&
        events_.back().progress->phase == event.progress->phase) {
      events_.back() = std::move(event);
    } else {
      events_.push_back(std::move(event));
    }
  }
  ready_.notify_one();
}

TokenEvent TokenQueue::pop() {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return !events_.empty(); });
  return take();
}

std::optional<TokenEvent> TokenQueue::pop_for(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  if (!ready_.wait_for(lock, wait, [this] { return !events_.empty(); })) return std::nullopt;
  return take();
}

TokenEvent TokenQueue::take() {
  if (events_.front().finish != FinishReason::kNone) return events_.front();
  TokenEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace glmv::runtime
