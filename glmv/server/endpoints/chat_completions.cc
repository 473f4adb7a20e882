// POST /v1/chat/completions.

#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "glmv/server/chat_call.h"
#include "glmv/server/chat_wire.h"
#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

constexpr char kHeartbeat[] = ": keep-alive\n\n";

// One reply in pieces, its choices in any order. Headers go out with the first sign of work, so that
// what is wrong with a request is still an HTTP status. Thread-safe.
class ChatStream {
 public:
  ChatStream(const Call& call, const ChatCall& chat, const ReplyHead& head)
      : call_(call), chat_(chat), head_(head) {}

  // False: the client is gone.
  bool add(int index, const api::ChatChunk& chunk) {
    const std::lock_guard lock(mutex_);
    begin();
    const Json delta = delta_json(chunk, chat_.include_reasoning);
    const Json logprobs = logprobs_json(chunk.logprobs);
    if (delta.empty() && logprobs.is_null()) return !call_.reply.client_gone();
    return event(chunk_json(head_, index, delta, nullptr, logprobs, chat_.include_usage));
  }

  // After the choices have ended.
  void finish(const std::vector<api::ChatReply>& replies) {
    begin();
    for (int i = 0; i < chat_.n; ++i) {
      event(chunk_json(head_, i, Json::object(), finish_reason(replies[i]), nullptr,
                       chat_.include_usage));
    }
    if (chat_.include_usage) event(usage_chunk_json(head_, usage_json(replies)));
    end();
  }

  void fail(const ApiError& error) {
    if (!begun_) return glmv::server::fail(call_, error);
    call_.server.metrics().add_error(error.code);
    event(to_json(error));
    end();
  }

 private:
  void begin() {
    if (std::exchange(begun_, true)) return;
    net::HttpHeaders headers = {{"Content-Type", "text/event-stream; charset=utf-8"},
                                {"Cache-Control", "no-cache"},
                                {"X-Accel-Buffering", "no"},
                                {"x-request-id", call_.request_id}};
    if (!chat_.warning.empty()) headers.emplace_back("x-glmv-warning", chat_.warning);
    call_.reply.start(200, headers, kHeartbeat, call_.server.options().heartbeat_seconds);
    for (int i = 0; i < chat_.n; ++i) {
      event(chunk_json(head_, i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr,
                       chat_.include_usage));
    }
  }

  bool event(const Json& json) {
    return call_.reply.write("data: " + wire_text(json) + "\n\n");
  }

  void end() {
    call_.reply.write("data: [DONE]\n\n");
    call_.reply.finish();
  }

  const Call& call_;
  const ChatCall& chat_;
  const ReplyHead& head_;
  std::mutex mutex_;
  bool begun_ = false;
};

// All choices, side by side; on_chunk is called from several threads when there are several.
ApiResult<std::vector<api::ChatReply>> run(
    const Call& call, const ChatCall& chat,
    const std::function<bool(int, const api::ChatChunk&)>& on_chunk) {
  std::vector<std::optional<Result<api::ChatReply>>> results(chat.n);
  const auto answer = [&](int index) {
    api::ChatRequest request = chat.request;
    if (request.seed) *request.seed += static_cast<uint64_t>(index);
    const auto start = std::chrono::steady_clock::now();
    try {
      results[index] = call.server.backend().chat(
          request, [&, index](const api::ChatChunk& chunk) { return on_chunk(index, chunk); });
    } catch (const std::exception& error) {  // out of a thread it would end the process
      results[index] = internal_error("{}", error.what());
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (*results[index]) call.server.metrics().add_reply(**results[index], elapsed.count());
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < chat.n; ++i) others.emplace_back(answer, i);
    answer(0);
  }
  std::vector<api::ChatReply> replies;
  for (auto& result : results) {
    if (!*result) return std::unexpected(to_api_error(result->error()));
    replies.push_back(std::move(**result));
  }
  return replies;
}

ApiResult<ChatCall> read_call(const Call& call) {
  GLMV_ASSIGN(Json body, parse_body(call.request.body));
  GLMV_ASSIGN(ChatCall chat, parse_chat_call(std::move(body)));
  if (!chat.model.empty() && chat.model != call.server.options().model) {
    return std::unexpected(ApiError{
        404, "model_not_found",
        fmt::format("there is no model \"{}\" here; it is \"{}\"", chat.model,
                    call.server.options().model),
        "model", 0});
  }
  GLMV_RETURN_IF_ERROR(call.server.load_media(chat.request, call.reply));
  return chat;
}

}  // namespace

void chat_completions(const Call& call) {
  if (call.server.draining()) {
    return fail(call, {503, "draining", "the server is shutting down", "", 5});
  }
  const Server::Admission admission(call.server);
  if (!admission) {
    return fail(call, {503, "queue_full",
                       fmt::format("{} requests are waiting already; try again soon",
                                   call.server.options().max_requests), "", 5});
  }
  auto chat = read_call(call);
  if (!chat) return fail(call, chat.error());
  const ReplyHead head = {"chatcmpl-" + call.request_id, std::time(nullptr),
                          chat->model.empty() ? call.server.options().model : chat->model,
                          call.server.model().fingerprint};
  if (chat->stream) {
    ChatStream stream(call, *chat, head);
    const auto replies =
        run(call, *chat, [&](int index, const api::ChatChunk& chunk) { return stream.add(index, chunk); });
    if (!replies) return stream.fail(replies.error());
    return stream.finish(*replies);
  }
  const auto replies =
      run(call, *chat, [&](int, const api::ChatChunk&) { return !call.reply.client_gone(); });
  if (!replies) return fail(call, replies.error());
  Json choices = Json::array();
  for (int i = 0; i < chat->n; ++i) {
    choices.push_back(choice_json((*replies)[i], i, chat->include_reasoning));
  }
  net::HttpHeaders more;
  if (!chat->warning.empty()) more.emplace_back("x-glmv-warning", chat->warning);
  send_json(call.reply, 200, completion_json(head, std::move(choices), usage_json(*replies)),
            call.request_id, more);
}

}  // namespace glmv::server
