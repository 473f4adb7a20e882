#pragma once
// When to ask again, and when to give up.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/hub/hub_options.h"

namespace glmv::hub {

// Answers that may be others a moment later.
inline bool is_passing(int status) { return status == 408 || status == 429 || status >= 500; }

// Seconds of a Retry-After header; nullopt for dates and nonsense, of which the usual delay is as
// good a reading.
inline std::optional<std::chrono::milliseconds> retry_after(std::string_view text) {
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::chrono::milliseconds(std::min<int64_t>(seconds, 1'000'000) * 1000);
}

// Failures in a row, and the delay that the last one asks for.
class Retries {
 public:
  static constexpr int kMaxFailures = 5;
  explicit Retries(const HubOptions& options) : options_(options) {}

  void progress() { failures_ = 0; }
  // The delay before the next try; nullopt: give up.
  std::optional<std::chrono::milliseconds> failed(
      std::optional<std::chrono::milliseconds> asked = std::nullopt) {
    if (++failures_ > kMaxFailures) return std::nullopt;
    if (asked && *asked > options_.max_retry_after) return std::nullopt;
    const auto usual = options_.retry_delay * (1 << (failures_ - 1));
    return asked ? std::max(*asked, options_.retry_delay) : usual;
  }

 private:
  const HubOptions& options_;
  int failures_ = 0;
};

}  // namespace glmv::hub
