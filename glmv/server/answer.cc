#include "glmv/server/answer.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "glmv/server/ask_backend.h"
#include "glmv/server/resumable_replies.h"
#include "glmv/server/running_requests.h"

namespace glmv::server {
namespace {

// Replies of one call that are made at the same time.
constexpr size_t kMaxSideBySide = 16;
constexpr size_t kMaxConversationId = 128;

using OnChunk = std::function<bool(int, const api::ChatChunk&)>;

// What a request has of the server's and its key's limits. It ends with the work, before the client
// hears of the end: who has a reply may ask again at once.
struct Places {
  explicit Places(Server& server) : among_requests(server) {}

  const Server::Admission among_requests;
  std::optional<KeyUse> of_key;
};

// Replies to one prompt have read it once.
void charge_key(const Call& call, size_t copies,
                const std::vector<std::optional<ApiResult<api::ChatReply>>>& results) {
  int64_t tokens = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!*results[i]) continue;
    const api::ChatUsage& usage = (*results[i])->usage;
    tokens += usage.completion_tokens + (i % copies == 0 ? usage.prompt_tokens : 0);
  }
  call.server.key_meters().charge(call.record.key, tokens, KeyMeters::Clock::now());
}

// `on_chunk` gets pieces and looks, from several threads when there are several requests.
ApiResult<std::vector<api::ChatReply>> run(const Call& call, const Work& work,
                                           std::optional<Places>& places, const OnChunk& on_chunk) {
  const RunningRequests::Entry entry(call.server.running(), call.request_id);
  const RequestSwitches& switches = entry.switches();
  const auto copies = static_cast<size_t>(work.copies);
  std::vector<std::optional<ApiResult<api::ChatReply>>> results(work.requests.size() * copies);
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto answer_one = [&](size_t index) {
    api::ChatRequest request = work.requests[index / copies];
    if (request.seed) *request.seed += static_cast<uint64_t>(index % copies);
    request.end_thinking = switches.end_thinking;
    request.whole = !work.stream;
    results[index] = ask_backend(call, request, [&](const api::ChatChunk& chunk) {
      return !switches.cancelled && !failed && on_chunk(static_cast<int>(index), chunk);
    });
    if (!*results[index]) failed = true;  // the others are for nothing
  };
  const auto answer_some = [&] {
    for (size_t i = next++; i < results.size(); i = next++) answer_one(i);
  };
  {
    std::vector<std::jthread> others;
    const size_t num_threads = std::min(results.size(), kMaxSideBySide);
    for (size_t i = 1; i < num_threads; ++i) others.emplace_back(answer_some);
    answer_some();
  }
  charge_key(call, copies, results);
  places.reset();
  for (const auto& result : results) {
    if (!*result) return std::unexpected(result->error());
  }
  std::vector<api::ChatReply> replies;
  for (auto& result : results) replies.push_back(std::move(**result));
  return replies;
}

void send_stream(const Call& call, const Work& work, std::optional<Places>& places,
                 const net::HttpHeaders& headers, ReplyWriter& writer) {
  EventStream out(call, work.form, headers);
  std::mutex mutex;
  bool told = false;
  const auto begin = [&] {
    out.begin();
    if (!std::exchange(told, true)) writer.begin(out);
  };
  const auto replies = run(call, work, places, [&](int index, const api::ChatChunk& chunk) {
    const std::lock_guard lock(mutex);
    if (is_look(chunk)) {
      if (out.is_overdue()) out.begin();
      return !call.reply.client_gone();
    }
    begin();
    return writer.piece(out, index, chunk) && !call.reply.client_gone();
  });
  if (!replies && !out.begun()) return fail(call, replies.error());
  begin();
  if (replies) {
    writer.end(out, *replies);
  } else {
    note_error(call, replies.error());
    writer.error(out, replies.error());
    // Clients overlook an end without its mark, and notice a body that was cut.
    if (!call.server.service().metrics().engine_alive) return out.cut();
  }
  out.end();
}

// The header x-glmv-warning: what a client should know and no field says; empty: nothing.
std::string warning_of(const Server& server, const Work& work) {
  const bool off = std::ranges::any_of(work.requests, [](const api::ChatRequest& request) {
    return request.thinking == api::Thinking::kOff && !request.raw_prompt;
  });
  if (!off || server.has_thinking_switch()) return work.warning;
  return work.warning + (work.warning.empty() ? "" : "; ") +
         "this model was not trained to answer without a thought: its thought is closed before it "
         "begins, and answers may be worse";
}

void answer_once(const Call& call, Work work, ReplyWriter& writer) {
  if (call.server.draining()) {
    return fail(call, {503, "draining", "the server is shutting down", "", 5});
  }
  std::optional<Places> places(call.server);
  const auto refuse = [&](ApiError error, const net::HttpHeaders& headers = {}) {
    places.reset();
    fail(call, error, headers);
  };
  if (!places->among_requests) {
    return refuse({503, "queue_full",
                   fmt::format("{} requests are waiting already; try again soon",
                               call.server.options().max_requests),
                   "", 5});
  }
  const std::string& key = call.record.key;
  KeyMeters& meters = call.server.key_meters();
  const auto& begun = places->of_key.emplace(meters, key).begun();
  net::HttpHeaders headers = meters.headers(key, KeyMeters::Clock::now());
  if (!begun) return refuse(begun.error(), headers);
  for (api::ChatRequest& request : work.requests) {
    if (auto loaded = call.server.load_media(request, call.reply, key); !loaded) {
      return refuse(loaded.error());
    }
  }
  if (std::string warning = warning_of(call.server, work); !warning.empty()) {
    headers.emplace_back("x-glmv-warning", std::move(warning));
  }
  if (work.stream) return send_stream(call, work, places, headers, writer);
  const auto replies = run(call, work, places,
                           [&](int, const api::ChatChunk&) { return !call.reply.client_gone(); });
  if (!replies) return fail(call, replies.error());
  send_json(call.reply, 200, writer.body(*replies), call.request_id, headers);
}

}  // namespace

ApiResult<std::string> served_model(const Call& call, const std::string& model) {
  const std::string& served = call.server.options().model;
  if (model.empty() || model == served) return served;
  return std::unexpected(ApiError{
      404, "model_not_found",
      fmt::format("there is no model \"{}\" here; it is \"{}\"", model, served), "model", 0});
}

void answer(const Call& call, Work work, ReplyWriter& writer) {
  const std::string conversation(call.request.header("x-conversation-id"));
  if (conversation.empty()) return answer_once(call, std::move(work), writer);
  if (conversation.size() > kMaxConversationId) {
    return fail(call, {400, "invalid_value",
                       fmt::format("the header X-Conversation-Id has at most {} characters",
                                   kMaxConversationId),
                       "X-Conversation-Id", 0});
  }
  Server& server = call.server;
  ResumableReply reply(call.reply, server.resumable().open(call.record.key, conversation),
                       call.record, [&server] { return server.draining(); });
  answer_once({server, call.request, reply, call.request_id, call.record, call.error_form},
              std::move(work), writer);
}

}  // namespace glmv::server
