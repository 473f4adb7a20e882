#pragma once
// What each API key may use of a server that several share: requests and tokens in a minute, and
// requests at once. What is unused for a minute is saved, more is not.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "glmv/net/http_types.h"
#include "glmv/server/api_error.h"

namespace glmv::server {

// 0: no limit.
struct KeyLimits {
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;  // of prompts and replies, as `usage` counts them
  int64_t requests_at_once = 0;

  bool any() const {
    return requests_per_minute > 0 || tokens_per_minute > 0 || requests_at_once > 0;
  }
};

// Thread-safe. Names that it was not made with have no limits.
class KeyMeters {
 public:
  using Clock = std::chrono::steady_clock;

  KeyMeters(KeyLimits limits, std::span<const std::string> names, Clock::time_point now);

  // A request of a key begins; end() must follow. 429 where it may not.
  ApiResult<void> begin(const std::string& name, Clock::time_point now);
  void end(const std::string& name);
  // Tokens are known afterwards: a key may go into debt by one request, and waits until it is paid.
  void charge(const std::string& name, int64_t tokens, Clock::time_point now);
  // x-ratelimit-limit-requests and the like, as OpenAI names them; none without limits.
  net::HttpHeaders headers(const std::string& name, Clock::time_point now);

 private:
  struct Meter {
    double requests = 0, tokens = 0;  // that are left
    int64_t at_once = 0;
    Clock::time_point filled;
  };
  // With what the time since the last call has given back; null: no limits.
  Meter* meter_of(const std::string& name, Clock::time_point now);

  const KeyLimits limits_;
  std::mutex mutex_;
  std::map<std::string, Meter> meters_;
};

// The time of a request between begin() and end().
class KeyUse {
 public:
  KeyUse(KeyMeters& meters, const std::string& name)
      : meters_(meters), name_(name), begun_(meters.begin(name, KeyMeters::Clock::now())) {}
  ~KeyUse() {
    if (begun_) meters_.end(name_);
  }
  KeyUse(const KeyUse&) = delete;
  KeyUse& operator=(const KeyUse&) = delete;

  const ApiResult<void>& begun() const { return begun_; }

 private:
  KeyMeters& meters_;
  const std::string name_;
  const ApiResult<void> begun_;
};

}  // namespace glmv::server
