#include "glmv/server/ask_backend.h"

#include <chrono>

namespace glmv::server {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// For the metrics and the log.
void note_reply(const Call& call, const api::ChatReply& reply, double seconds) {
  call.server.metrics().add_reply(reply, seconds);
  AccessRecord& record = call.record;
  const std::lock_guard lock(record.mutex);
  record.prompt_tokens = reply.usage.prompt_tokens;  // choices share their prompt
  record.completion_tokens =
      std::max<int64_t>(record.completion_tokens, 0) + reply.usage.completion_tokens;
  if (record.ttft_ms < 0) record.ttft_ms = reply.timings.time_to_first_token_ms;
  if (reply.finish_reason == "cancelled") record.error = "cancelled";
}

}  // namespace

bool is_look(const api::ChatChunk& chunk) {
  return chunk.content.empty() && chunk.reasoning.empty() && chunk.tool_calls.empty() &&
         chunk.progress_phase.empty() && chunk.logprobs.empty();
}

ApiResult<api::ChatReply> ask_backend(const Call& call, const api::ChatRequest& request,
                                      const api::OnChunk& on_chunk) {
  const double limit_s = call.server.options().request_timeout_s;
  const auto start = Clock::now();
  bool timed_out = false;
  const auto offer = [&](const api::ChatChunk& chunk) {
    timed_out = limit_s > 0 && seconds_since(call.record.start) > limit_s;
    if (timed_out) return false;
    return on_chunk(chunk);
  };
  Result<api::ChatReply> reply = api::ChatReply{};
  try {
    reply = call.server.backend().chat(request, offer);
  } catch (const std::exception& error) {  // out of a thread it would end the process
    reply = internal_error("{}", error.what());
  }
  if (timed_out) {
    return std::unexpected(ApiError{
        503, "timeout",
        fmt::format("the answer was not complete after {} s (--request-timeout)", limit_s), "", 0});
  }
  if (!reply) return std::unexpected(to_api_error(reply.error()));
  note_reply(call, *reply, seconds_since(start));
  return *std::move(reply);
}

}  // namespace glmv::server
