#include "glmv/terminal/reply_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "glmv/base/texts.h"

namespace glmv::terminal {
namespace {

double per_second(int64_t count, double ms) {
  return ms > 0 ? 1000.0 * static_cast<double>(count) / ms : 0;
}

std::string seconds(double ms) { return fmt::format("{:.{}f} s", ms / 1000, ms < 1000 ? 2 : 1); }
std::string rate(double value) {
  return value < 100 ? tr_format("{:.1f} t/s", value) : tr_format("{:.0f} t/s", value);
}

std::string stop_name(const api::ChatReply& reply) {
  if (reply.finish_reason == "cancelled") return "interrupted";
  if (reply.finish_reason != "stop") return reply.finish_reason;
  return reply.stop_string.empty() ? "eos" : "string";
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

}  // namespace

ReplyStats stats_of(const api::ChatReply& reply, int64_t context_limit, double first_ms,
                    double total_ms) {
  const api::ChatTimings& t = reply.timings;
  const api::ChatUsage& u = reply.usage;
  const bool timed = t.time_to_first_token_ms > 0;
  return {.prompt_tokens = u.prompt_tokens,
          .image_tokens = u.image_tokens,
          .cached_tokens = u.cached_tokens,
          .generated_tokens = u.completion_tokens,
          .thought_tokens = u.reasoning_tokens,
          .context_tokens = u.prompt_tokens + u.completion_tokens,
          .context_limit = context_limit,
          .prompt_ms = timed ? t.vision_ms + t.prefill_ms : first_ms,
          .first_token_ms = timed ? t.time_to_first_token_ms : first_ms,
          .generation_ms = timed ? t.decode_ms : std::max(0.0, total_ms - first_ms),
          .stop = stop_name(reply)};
}

std::string stats_line(const ReplyStats& s) {
  const std::string kDot = " \u00b7 ";
  std::string line = "[" + tr_format("prompt {} tok", s.prompt_tokens);
  if (s.image_tokens > 0 && s.cached_tokens > 0) {
    line += " " + tr_format("({} image, {} cached)", s.image_tokens, s.cached_tokens);
  } else if (s.image_tokens > 0 || s.cached_tokens > 0) {
    line += " " + (s.image_tokens > 0 ? tr_format("({} image)", s.image_tokens)
                                      : tr_format("({} cached)", s.cached_tokens));
  }
  line += fmt::format(" {} {}", seconds(s.prompt_ms),
                      rate(per_second(s.prompt_tokens - s.cached_tokens, s.prompt_ms)));
  line += kDot + tr_format("ttft {}", seconds(s.first_token_ms));
  line += kDot + tr_format("gen {} tok {} {}", s.generated_tokens, seconds(s.generation_ms),
                           rate(per_second(s.generated_tokens, s.generation_ms)));
  line += kDot + tr_format("think {}", s.thought_tokens);
  line += kDot + tr_format("ctx {}", s.context_tokens);
  if (s.context_limit > 0) line += fmt::format("/{}", s.context_limit);
  return line + kDot + tr_format("stop {}", s.stop) + "]";
}

Json to_json(const ReplyStats& s) {
  return {
      {"prompt_tokens", s.prompt_tokens},
      {"image_tokens", s.image_tokens},
      {"cached_tokens", s.cached_tokens},
      {"prompt_ms", rounded(s.prompt_ms)},
      {"prompt_per_second", rounded(per_second(s.prompt_tokens - s.cached_tokens, s.prompt_ms))},
      {"ttft_ms", rounded(s.first_token_ms)},
      {"gen_tokens", s.generated_tokens},
      {"gen_ms", rounded(s.generation_ms)},
      {"gen_per_second", rounded(per_second(s.generated_tokens, s.generation_ms))},
      {"think_tokens", s.thought_tokens},
      {"ctx_tokens", s.context_tokens},
      {"ctx_limit", s.context_limit},
      {"stop", s.stop}};
}

ReplyStats stats_from_json(const Json& json) {
  const auto real = [&](const char* key) {
    const bool there = json.is_object() && json.contains(key) && json[key].is_number();
    return there ? json[key].get<double>() : 0.0;
  };
  const auto whole = [&](const char* key) {
    return static_cast<int64_t>(std::clamp(real(key), 0.0, 1e15));
  };
  ReplyStats s{.prompt_tokens = whole("prompt_tokens"),
               .image_tokens = whole("image_tokens"),
               .cached_tokens = whole("cached_tokens"),
               .generated_tokens = whole("gen_tokens"),
               .thought_tokens = whole("think_tokens"),
               .context_tokens = whole("ctx_tokens"),
               .context_limit = whole("ctx_limit"),
               .prompt_ms = real("prompt_ms"),
               .first_token_ms = real("ttft_ms"),
               .generation_ms = real("gen_ms")};
  if (json.is_object() && json.contains("stop") && json["stop"].is_string()) {
    s.stop = json["stop"].get<std::string>();
  }
  return s;
}

}  // namespace glmv::terminal
