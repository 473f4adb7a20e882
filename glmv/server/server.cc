#include "glmv/server/server.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>

#include "glmv/base/check.h"
#include "glmv/server/route_match.h"
#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxRequestId = 128;

std::string fresh_id() {
  static thread_local std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}", device(), device(), device());
}

// The client's own id if it can stand in a header, else a fresh one.
std::string request_id_of(const net::HttpRequest& request) {
  const std::string_view given = request.header("x-request-id");
  const bool printable = std::ranges::all_of(given, [](char c) { return c > 32 && c < 127; });
  if (!given.empty() && given.size() <= kMaxRequestId && printable) return std::string(given);
  return fresh_id();
}

std::string_view given_key(const net::HttpRequest& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view header = request.header("authorization");
  if (header.starts_with(kBearer)) return header.substr(kBearer.size());
  return request.header("x-api-key");
}

net::HttpHeaders json_headers(const std::string& request_id) {
  return {{"Content-Type", "application/json"},
          {"x-request-id", request_id},
          {"request-id", request_id}};  // Anthropic's name
}

net::HttpHeaders error_headers(const ApiError& error, const std::string& request_id) {
  net::HttpHeaders headers = json_headers(request_id);
  if (error.retry_after_s > 0)
    headers.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  // What a repetition cannot change: clients repeat other errors of the server by themselves.
  if (error.status == 500 || error.status == 501 || error.code == "timeout") {
    headers.emplace_back("x-should-retry", "false");
  }
  return headers;
}

// Adds headers, and notes what is sent.
class NotedReply final : public net::HttpReply {
 public:
  NotedReply(net::HttpReply& reply, net::HttpHeaders more_headers, AccessRecord& record)
      : reply_(reply), more_headers_(std::move(more_headers)), record_(record) {}

  void send(int status, const net::HttpHeaders& headers, std::string body) override {
    record_.status = status;
    record_.reply_bytes = std::ssize(body);
    reply_.send(status, with_more(headers), std::move(body));
  }
  void start(int status, const net::HttpHeaders& headers, std::string heartbeat,
             double heartbeat_seconds) override {
    record_.status = status;
    reply_.start(status, with_more(headers), std::move(heartbeat), heartbeat_seconds);
  }
  bool write(std::string piece) override {
    record_.reply_bytes += std::ssize(piece);
    return reply_.write(std::move(piece));
  }
  void finish() override { reply_.finish(); }
  void abort() override { reply_.abort(); }
  bool client_gone() const override { return reply_.client_gone(); }

 private:
  net::HttpHeaders with_more(net::HttpHeaders headers) const {
    headers.insert(headers.end(), more_headers_.begin(), more_headers_.end());
    return headers;
  }

  net::HttpReply& reply_;
  const net::HttpHeaders more_headers_;
  AccessRecord& record_;
};

}  // namespace

ApiError is_loading() {
  return {503, "loading", "the model is being loaded; try again soon", "", 5};
}

Server::Server(ServerOptions options) : Server(std::move(options), routes()) {}

Server::Server(ServerOptions options, ServedModel model, api::ChatBackend& backend,
               const api::ModelService& service)
    : Server(std::move(options)) {
  start_serving(std::move(model), backend, service);
}

Server::Server(ServerOptions options, std::span<const Route> routes)
    : options_(std::move(options)),
      origins_{options_.allowed_hosts, options_.allowed_origins},
      keys_(options_.api_keys, options_.admin_api_keys),
      key_meters_(options_.key_limits, keys_.user_names(), KeyMeters::Clock::now()),
      routes_(routes),
      metrics_(options_.metrics_prefix, options_.model, options_.access_log),
      unknown_fields_(options_.on_debug),
      start_time_(std::time(nullptr)),
      instance_(fresh_id()) {}

void Server::start_serving(ServedModel model, api::ChatBackend& backend,
                           const api::ModelService& service) {
  GLMV_CHECK(owned_ == nullptr, "a model is served already");
  MediaOptions media = options_.media;
  if (model.document_tokens > 0) media.document_rule.max_tokens = model.document_tokens;
  media.cache = model.media_cache;
  owned_.reset(new Served{std::move(model), backend, service, MediaLoader(std::move(media))});
  served_ = owned_.get();
}

const Server::Served& Server::served() const {
  const Served* const served = served_;
  GLMV_CHECK(served != nullptr, "there is no model yet");
  return *served;
}

std::string Server::metrics_text() const {
  return metrics_.text(has_model() ? &service() : nullptr);
}

ApiResult<void> Server::check_key(const net::HttpRequest& request, const Route* route,
                                  AccessRecord& record) const {
  const std::string_view given = given_key(request);
  const KeyRing::Key* key = given.empty() ? nullptr : keys_.find(given);
  if (key != nullptr) record.key = key->name;
  if (route != nullptr && route->is_public) return {};
  const bool for_admins = route != nullptr && route->is_admin;
  const bool needs_key = keys_.has_user_keys() || (for_admins && keys_.has_admin_keys());
  if (needs_key && key == nullptr) {
    return std::unexpected(ApiError{401, "invalid_api_key",
                                    given.empty() ? "no API key: send \"Authorization: Bearer KEY\""
                                                  : "this API key is not known",
                                    "", 0});
  }
  if (for_admins && (key == nullptr || !key->is_admin)) {
    return std::unexpected(
        ApiError{403, "forbidden",
                 fmt::format("{} needs an admin key; see --admin-api-key", request.path), "", 0});
  }
  return {};
}

CallRules Server::openai_rules() const {
  CallRules rules = options_.rules;
  if (model().max_context_tokens > 0) rules.max_tokens = model().max_context_tokens;
  return rules;
}

bool Server::has_thinking_switch() const {
  return service().chat_template().find("enable_thinking") != std::string::npos;
}

std::string Server::engine_trouble() const {
  if (!has_model()) return {};
  const api::ModelMetrics m = service().metrics();
  if (!m.engine_alive) return "the engine has ended; restart the server";
  if (options_.watchdog_timeout_s > 0 && m.step_seconds > options_.watchdog_timeout_s) {
    return fmt::format("a step of the engine takes more than {:.0f} s; restart the server",
                       options_.watchdog_timeout_s);
  }
  return {};
}

void Server::handle(const net::HttpRequest& request, net::HttpReply& reply) {
  AccessRecord record;
  record.request_id = request_id_of(request);
  NotedReply noted(reply, cors_headers(request, origins_), record);
  if (options_.access_log == nullptr) return answer(request, noted, record);

  record.start_us = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
  record.method = request.method;
  record.path = request.path;
  record.peer = request.peer;
  record.user_agent = request.header("user-agent");
  record.traceparent = trace_context(request.header("traceparent"));
  const auto write = [&] {
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - record.start;
    record.ms = elapsed.count();
    record.client_gone = reply.client_gone();
    options_.access_log->write(record);
  };
  answer(request, noted, record);
  write();
}

net::HttpError Server::unread(int status, const std::string& message,
                              const net::HttpRequest& head) {
  const std::string id = request_id_of(head);
  const ApiError error = unread_request(status, message);
  note_error(error, id);
  return {error_headers(error, id), wire_text(to_json(error))};
}

void Server::note_error(const ApiError& error, const std::string& request_id) {
  metrics_.add_error(error.code);
  if (!error.detail.empty() && options_.on_failure) options_.on_failure(request_id, error.detail);
}

// A bug in an endpoint costs this request: a status while there can be one, else a cut connection.
void Server::run(const Call& call, const Route& route) {
  try {
    route.endpoint(call);
  } catch (const std::exception& exception) {
    const ApiError error = bug_error(exception.what());
    if (call.record.status == 0) return fail(call, error);
    server::note_error(call, error);
    call.reply.abort();
  }
}

void Server::answer(const net::HttpRequest& request, net::HttpReply& reply, AccessRecord& record) {
  const Route* found = nullptr;
  std::vector<std::string_view> pieces;
  std::string allowed;
  for (const Route& route : routes_) {
    auto match = match_path(route.path, request.path);
    if (!match) continue;
    if (route.method == request.method || (route.method == "GET" && request.method == "HEAD")) {
      found = &route;
      pieces = *std::move(match);
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  Call call{*this,  request,
            reply,  record.request_id,
            record, found == nullptr ? to_json : found->error_form};
  if (found != nullptr) call.body_schema = found->body;
  if (auto access = check_origin(request, origins_); !access) return fail(call, access.error());
  if (is_preflight(request, origins_)) {
    net::HttpHeaders headers = preflight_headers(request);
    headers.emplace_back("x-request-id", record.request_id);
    return reply.send(204, headers, {});
  }
  if (auto access = check_key(request, found, record); !access) return fail(call, access.error());
  if (found != nullptr && !has_model() && !found->is_public && !found->without_model) {
    return fail(call, is_loading());
  }
  for (const std::string_view piece : pieces) {
    auto name = name_in_path(piece);
    if (!name) return fail(call, name.error());
    call.names.push_back(*std::move(name));
  }
  if (found != nullptr) return run(call, *found);
  if (!allowed.empty()) {
    return fail(
        call, {405, "method_not_allowed", fmt::format("{} takes {}", request.path, allowed), "", 0},
        {{"Allow", allowed}});
  }
  fail(call, {404, "route_not_found",
              fmt::format("there is no {} {}; try /v1/chat/completions or /v1/models",
                          request.method, request.path),
              "", 0});
}

void send_json(net::HttpReply& reply, int status, const Json& body, const std::string& request_id,
               const net::HttpHeaders& more_headers) {
  net::HttpHeaders headers = json_headers(request_id);
  headers.insert(headers.end(), more_headers.begin(), more_headers.end());
  reply.send(status, headers, wire_text(body));
}

void send_error(net::HttpReply& reply, const ApiError& error, const std::string& request_id,
                ErrorForm form, const net::HttpHeaders& more) {
  net::HttpHeaders headers = error_headers(error, request_id);
  headers.insert(headers.end(), more.begin(), more.end());
  reply.send(error.status, headers, wire_text(form(error)));
}

ApiResult<Json> read_body(const Call& call) {
  GLMV_ASSIGN(Json body, parse_body(call.request.body));
  call.server.unknown_fields().look(body, call.body_schema);
  return body;
}

void note_error(const Call& call, const ApiError& error) {
  call.server.note_error(error, call.request_id);
  const std::lock_guard lock(call.record.mutex);
  call.record.error = error.code;
}

void fail(const Call& call, const ApiError& error, const net::HttpHeaders& more_headers) {
  note_error(call, error);
  send_error(call.reply, error, call.request_id, call.error_form, more_headers);
}

}  // namespace glmv::server
