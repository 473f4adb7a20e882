#include "glmv/server/key_limits.h"

#include <algorithm>
#include <cmath>

namespace glmv::server {
namespace {

constexpr double kMinute = 60;

// Until `missing` of `per_minute` have come back.
double seconds_for(double missing, int64_t per_minute) {
  return std::max(missing, 0.0) * kMinute / static_cast<double>(per_minute);
}

std::unexpected<ApiError> too_much(const std::string& name, std::string what, double seconds) {
  const int whole = std::max(1, static_cast<int>(std::ceil(std::min(seconds, 1e6))));
  return std::unexpected(ApiError{
      429, "rate_limit_exceeded",
      fmt::format("the key \"{}\" has {}; try again in {} s", name, what, whole), "", whole});
}

void add_headers(net::HttpHeaders& headers, const std::string& what, int64_t per_minute,
                 double left) {
  headers.emplace_back("x-ratelimit-limit-" + what, std::to_string(per_minute));
  headers.emplace_back("x-ratelimit-remaining-" + what,
                       std::to_string(static_cast<int64_t>(std::max(left, 0.0))));
  headers.emplace_back(
      "x-ratelimit-reset-" + what,
      fmt::format("{:.3g}s", seconds_for(static_cast<double>(per_minute) - left, per_minute)));
}

}  // namespace

KeyMeters::KeyMeters(KeyLimits limits, std::span<const std::string> names, Clock::time_point now)
    : limits_(limits) {
  if (!limits.any()) return;
  for (const std::string& name : names) {
    meters_[name] = {.requests = static_cast<double>(limits.requests_per_minute),
                     .tokens = static_cast<double>(limits.tokens_per_minute),
                     .filled = now};
  }
}

KeyMeters::Meter* KeyMeters::meter_of(const std::string& name, Clock::time_point now) {
  const auto found = meters_.find(name);
  if (found == meters_.end()) return nullptr;
  Meter& meter = found->second;
  // Clocks of several threads may be read in one order and arrive in another.
  const double minutes =
      std::max(0.0, std::chrono::duration<double>(now - meter.filled).count() / kMinute);
  const auto fill = [minutes](double& left, int64_t per_minute) {
    const auto most = static_cast<double>(per_minute);
    left = std::min(most, left + minutes * most);
  };
  fill(meter.requests, limits_.requests_per_minute);
  fill(meter.tokens, limits_.tokens_per_minute);
  meter.filled = std::max(meter.filled, now);
  return &meter;
}

ApiResult<void> KeyMeters::begin(const std::string& name, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Meter* const meter = meter_of(name, now);
  if (meter == nullptr) return {};
  if (limits_.requests_at_once > 0 && meter->at_once >= limits_.requests_at_once) {
    return too_much(
        name, fmt::format("{} requests at once, and all are running", limits_.requests_at_once), 1);
  }
  if (limits_.tokens_per_minute > 0 && meter->tokens <= 0) {
    return too_much(
        name, fmt::format("{} tokens a minute, and they are used up", limits_.tokens_per_minute),
        seconds_for(1 - meter->tokens, limits_.tokens_per_minute));
  }
  if (limits_.requests_per_minute > 0) {
    // Rounding must not cost who waits for exactly as long as told.
    if (meter->requests < 1 - 1e-9) {
      return too_much(
          name,
          fmt::format("{} requests a minute, and they are used up", limits_.requests_per_minute),
          seconds_for(1 - meter->requests, limits_.requests_per_minute));
    }
    meter->requests -= 1;
  }
  ++meter->at_once;
  return {};
}

void KeyMeters::end(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = meters_.find(name);
  if (found != meters_.end()) --found->second.at_once;
}

void KeyMeters::charge(const std::string& name, int64_t tokens, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (Meter* const meter = meter_of(name, now)) meter->tokens -= static_cast<double>(tokens);
}

net::HttpHeaders KeyMeters::headers(const std::string& name, Clock::time_point now) {
  net::HttpHeaders headers;
  const std::lock_guard lock(mutex_);
  const Meter* const meter = meter_of(name, now);
  if (meter == nullptr) return headers;
  if (limits_.requests_per_minute > 0)
    add_headers(headers, "requests", limits_.requests_per_minute, meter->requests);
  if (limits_.tokens_per_minute > 0)
    add_headers(headers, "tokens", limits_.tokens_per_minute, meter->tokens);
  return headers;
}

}  // namespace glmv::server
