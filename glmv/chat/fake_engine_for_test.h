#pragma once
// An Engine without a model: replays scripted events, keeps the requests it got.

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "glmv/runtime/engine.h"

namespace glmv::chat {

// The events of one request. The last one should have `finish` set; else the script ends in kStop.
struct FakeScript {
  std::vector<runtime::TokenEvent> events;
  std::optional<Status> refuse;  // submit() fails

  static FakeScript tokens(const std::vector<int32_t>& ids,
                           runtime::FinishReason finish = runtime::FinishReason::kStop) {
    FakeScript script;
    for (const int32_t id : ids) {
      runtime::TokenEvent event;
      event.token_id = id;
      script.events.push_back(std::move(event));
    }
    runtime::TokenEvent end;
    end.finish = finish;
    end.usage.completion_tokens = static_cast<int64_t>(ids.size());
    script.events.push_back(std::move(end));
    return script;
  }
};

class FakeEngine : public runtime::Engine {
 public:
  explicit FakeEngine(std::vector<FakeScript> scripts)
      : scripts_(std::make_move_iterator(scripts.begin()), std::make_move_iterator(scripts.end())) {
  }

  Result<std::unique_ptr<runtime::TokenStream>> submit(runtime::Request request) override {
    const std::lock_guard lock(mutex_);
    requests.push_back(std::move(request));
    if (scripts_.empty()) return unavailable("no script left");
    FakeScript script = std::move(scripts_.front());
    scripts_.pop_front();
    if (script.refuse) return std::unexpected(*script.refuse);
    auto cancelled = std::make_shared<std::atomic<bool>>(false);
    cancel_flags_.push_back(cancelled);
    return std::make_unique<Stream>(std::move(script), cancel_flags_.size() - 1, cancelled,
                                    silence_ms);
  }

  void cancel(runtime::RequestId id) override {
    const std::lock_guard lock(mutex_);
    if (id < cancel_flags_.size()) *cancel_flags_[id] = true;
  }

  const checkpoint::ModelConfig& config() const override { return config_; }
  int64_t max_context_tokens() const override { return 4096; }
  double load_ms() const override { return 12.5; }
  int64_t weight_bytes() const override { return 0; }
  int64_t weight_bytes_per_token() const override { return 0; }
  int64_t media_cache_bytes() const override { return int64_t{1} << 24; }

  std::vector<runtime::Request> requests;
  int silence_ms = 0;  // before the first event of a request

 private:
  class Stream : public runtime::TokenStream {
   public:
    Stream(FakeScript script, runtime::RequestId id, std::shared_ptr<std::atomic<bool>> cancelled,
           int silence_ms)
        : script_(std::move(script)),
          id_(id),
          cancelled_(std::move(cancelled)),
          silence_ms_(silence_ms) {}

    std::optional<runtime::TokenEvent> next_for(std::chrono::milliseconds wait) override {
      if (silence_ms_ > 0 && !*cancelled_) {
        std::this_thread::sleep_for(wait);
        silence_ms_ -= static_cast<int>(wait.count());
        if (silence_ms_ > 0) return std::nullopt;
      }
      return next();
    }

    runtime::TokenEvent next() override {
      if (!*cancelled_ && pos_ < script_.events.size()) return script_.events[pos_++];
      return runtime::TokenEvent{.finish = *cancelled_ ? runtime::FinishReason::kCancelled
                                                       : runtime::FinishReason::kStop};
    }
    runtime::RequestId id() const override { return id_; }

   private:
    FakeScript script_;
    size_t pos_ = 0;
    runtime::RequestId id_;
    std::shared_ptr<std::atomic<bool>> cancelled_;
    int silence_ms_;
  };

  std::mutex mutex_;
  std::deque<FakeScript> scripts_;
  std::vector<std::shared_ptr<std::atomic<bool>>> cancel_flags_;
  checkpoint::ModelConfig config_;
};

}  // namespace glmv::chat
