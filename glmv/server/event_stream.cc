#include "glmv/server/event_stream.h"

#include <chrono>
#include <utility>

namespace glmv::server {
namespace {

constexpr char kHeartbeat[] = ": keep-alive\n\n";

}  // namespace

void EventStream::begin() {
  if (std::exchange(begun_, true)) return;
  const bool events = form_ == Form::kEvents;
  net::HttpHeaders headers = {
      {"Content-Type", events ? "text/event-stream; charset=utf-8" : "application/x-ndjson"},
      {"Cache-Control", "no-cache"},
      {"X-Accel-Buffering", "no"},
      {"x-request-id", call_.request_id},
      {"request-id", call_.request_id}};
  headers.insert(headers.end(), more_headers_.begin(), more_headers_.end());
  // JSON lines know no comment.
  call_.reply.start(200, headers, events ? kHeartbeat : "",
                    call_.server.options().heartbeat_seconds);
}

bool EventStream::is_overdue() const {
  const std::chrono::duration<double> waited =
      std::chrono::steady_clock::now() - call_.record.start;
  return !begun_ && form_ == Form::kEvents &&
         waited.count() >= call_.server.options().heartbeat_seconds;
}

bool EventStream::send(std::string_view name, const Json& json) {
  begin();
  if (form_ == Form::kLines) return call_.reply.write(wire_text(json) + "\n");
  std::string event = name.empty() ? "" : fmt::format("event: {}\n", name);
  return call_.reply.write(event + "data: " + wire_text(json) + "\n\n");
}

bool EventStream::send_text(std::string_view data) {
  begin();
  return call_.reply.write(fmt::format("data: {}\n\n", data));
}

}  // namespace glmv::server
