// GET and DELETE /v1/stream?conv_id=ID, GET /v1/streams: replies that outlive their connections.

#include <charconv>
#include <chrono>

#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

constexpr std::chrono::milliseconds kLookInterval{100};

ApiResult<std::string> conversation_id(const Call& call) {
  const auto id = call.request.parameter("conv_id");
  if (!id) {
    return std::unexpected(ApiError{400, "invalid_value", id.error().message, "conv_id", 0});
  }
  if (!*id || (*id)->empty()) {
    return std::unexpected(ApiError{400, "missing_required_parameter",
                                    "give the conversation: ?conv_id=ID, as the request's header "
                                    "X-Conversation-Id had it",
                                    "conv_id", 0});
  }
  return **id;
}

// The first event to send: of the query, or the one behind the header Last-Event-ID.
ApiResult<size_t> first_event(const Call& call) {
  const auto from = call.request.parameter("from");
  const std::string last(call.request.header("last-event-id"));
  const bool by_header = from && !*from && !last.empty();
  const std::string text = by_header ? last : from && *from ? **from : "0";
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = error == std::errc() && end == text.data() + text.size();
  if (!from || !number || value > size_t{1} << 40) {
    return std::unexpected(
        ApiError{400, "invalid_value", "expected the number of an event, from 0", "from", 0});
  }
  return by_header ? value + 1 : value;
}

ApiError not_found(const std::string& id) {
  return {404, "stream_not_found",
          fmt::format("no reply of conversation \"{}\" runs or ended within the last minutes", id),
          "conv_id", 0};
}

void follow(const Call& call, const RecordedReply& record, size_t next) {
  call.reply.start(
      200,
      {{"Content-Type", record.state().content_type},
       {"Cache-Control", "no-cache"},
       {"X-Accel-Buffering", "no"},
       {"x-request-id", call.request_id}},
      record.state().content_type.starts_with("text/event-stream") ? ": keep-alive\n\n" : "",
      call.server.options().heartbeat_seconds);
  while (!call.reply.client_gone()) {
    const RecordedReply::State state = record.wait(next, kLookInterval);
    if (record.forgotten()) return call.reply.abort();
    while (next < state.num_pieces) {
      if (!call.reply.write(record.piece(next++))) return call.reply.abort();
    }
    if (state.ended) return state.whole ? call.reply.finish() : call.reply.abort();
  }
  call.reply.abort();
}

}  // namespace

void follow_stream(const Call& call) {
  const auto id = conversation_id(call);
  if (!id) return fail(call, id.error());
  const auto from = first_event(call);
  if (!from) return fail(call, from.error());
  const auto record = call.server.resumable().find(call.record.key, *id);
  if (record == nullptr) return fail(call, not_found(*id));
  RecordedReply::State state = record->state();
  while (!state.streamed && !state.ended && !call.reply.client_gone()) {
    state = record->wait(0, kLookInterval);
  }
  if (state.streamed) return follow(call, *record, *from);
  if (state.status == 0 || record->forgotten()) return fail(call, not_found(*id));
  call.reply.send(state.status,
                  {{"Content-Type", state.content_type}, {"x-request-id", call.request_id}},
                  record->piece(0));
}

void end_stream(const Call& call) {
  const auto id = conversation_id(call);
  if (!id) return fail(call, id.error());
  const bool found = call.server.resumable().cancel(call.record.key, *id);
  send_json(call.reply, 200, {{"object", "stream"}, {"found", found}}, call.request_id);
}

void list_streams(const Call& call) {
  Json data = Json::array();
  for (const auto& [id, record] : call.server.resumable().list(call.record.key)) {
    const RecordedReply::State state = record->state();
    data.push_back({{"conversation_id", id},
                    {"status", outcome_name(state.outcome)},
                    {"num_events", state.num_pieces},
                    {"ended", state.ended ? Json(state.end_unix_s) : Json()}});
  }
  send_json(call.reply, 200, {{"object", "list"}, {"data", std::move(data)}}, call.request_id);
}

}  // namespace glmv::server
