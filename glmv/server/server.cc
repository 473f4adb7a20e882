#include "glmv/server/server.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>

#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxRequestId = 128;

// The client's own id if it can stand in a header, else a fresh one.
std::string request_id_of(const net::HttpRequest& request) {
  const std::string_view given = request.header("x-request-id");
  const bool printable = std::ranges::all_of(given, [](char c) { return c > 32 && c < 127; });
  if (!given.empty() && given.size() <= kMaxRequestId && printable) return std::string(given);
  static thread_local std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}", device(), device(), device());
}

// Compares all bytes whatever they are, so that time tells nothing of a key.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = static_cast<unsigned>(a.size() ^ b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ (b.empty() ? '\0' : b[i % b.size()]));
  }
  return difference == 0;
}

std::string_view given_key(const net::HttpRequest& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view header = request.header("authorization");
  if (header.starts_with(kBearer)) return header.substr(kBearer.size());
  return request.header("x-api-key");
}

// "*" stands for one part of the path, not empty.
bool matches(std::string_view pattern, std::string_view path) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == path;
  const std::string_view prefix = pattern.substr(0, star), suffix = pattern.substr(star + 1);
  if (path.size() <= prefix.size() + suffix.size() || !path.starts_with(prefix) ||
      !path.ends_with(suffix)) {
    return false;
  }
  path.remove_prefix(prefix.size());
  path.remove_suffix(suffix.size());
  return path.find('/') == path.npos;
}

}  // namespace

Server::Server(ServerOptions options, ServedModel model, api::ChatBackend& backend,
               const api::ModelService& service)
    : options_(std::move(options)),
      model_(std::move(model)),
      backend_(backend),
      service_(service),
      metrics_(options_.metrics_prefix, options_.model, service),
      start_time_(std::time(nullptr)) {}

ApiResult<void> Server::check_access(const net::HttpRequest& request, bool is_public) const {
  if (!options_.allowed_hosts.empty()) {
    // A page of another site that made its name point here sends that name.
    std::string_view host = request.header("host");
    if (const size_t colon = host.rfind(':'); colon != host.npos && host.find(']', colon) == host.npos) {
      host = host.substr(0, colon);
    }
    if (std::ranges::find(options_.allowed_hosts, host) == options_.allowed_hosts.end()) {
      return std::unexpected(ApiError{403, "forbidden",
                                      fmt::format("the host \"{}\" is not one of this server's; see "
                                                  "--allowed-hosts", host),
                                      "", 0});
    }
  }
  if (is_public || options_.api_keys.empty()) return {};
  const std::string_view key = given_key(request);
  bool known = false;
  for (const std::string& each : options_.api_keys) {
    known = equal_in_constant_time(each, key) || known;
  }
  if (known) return {};
  return std::unexpected(ApiError{
      401, "invalid_api_key",
      key.empty() ? "no API key: send \"Authorization: Bearer KEY\"" : "this API key is not known", "", 0});
}

void Server::handle(const net::HttpRequest& request, net::HttpReply& reply) {
  const std::string id = request_id_of(request);
  const Route* found = nullptr;
  std::string allowed;
  for (const Route& route : routes()) {
    if (!matches(route.path, request.path)) continue;
    if (route.method == request.method || (route.method == "GET" && request.method == "HEAD")) found = &route;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  if (auto access = check_access(request, found != nullptr && found->is_public); !access) {
    return send_error(reply, access.error(), id, found == nullptr ? to_json : found->error_form);
  }
  if (found != nullptr) return found->endpoint({*this, request, reply, id, found->error_form});
  if (!allowed.empty()) {
    return send_error(reply, {405, "method_not_allowed",
                              fmt::format("{} takes {}", request.path, allowed), "", 0},
                      id, to_json, {{"Allow", allowed}});
  }
  send_error(reply, {404, "route_not_found",
                     fmt::format("there is no {} {}; try /v1/chat/completions or /v1/models",
                                 request.method, request.path), "", 0}, id);
}

void send_json(net::HttpReply& reply, int status, const Json& body, const std::string& request_id,
               const net::HttpHeaders& more_headers) {
  net::HttpHeaders headers = {{"Content-Type", "application/json"}, {"x-request-id", request_id},
                              {"request-id", request_id}};  // Anthropic's name
  headers.insert(headers.end(), more_headers.begin(), more_headers.end());
  reply.send(status, headers, wire_text(body));
}

void send_error(net::HttpReply& reply, const ApiError& error, const std::string& request_id,
                ErrorForm form, net::HttpHeaders more) {
  if (error.retry_after_s > 0) more.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  // What a repetition cannot change: clients repeat other errors of the server by themselves.
  if (error.status == 500 || error.status == 501) more.emplace_back("x-should-retry", "false");
  send_json(reply, error.status, form(error), request_id, more);
}

void fail(const Call& call, const ApiError& error) {
  call.server.metrics().add_error(error.code);
  send_error(call.reply, error, call.request_id, call.error_form);
}

}  // namespace glmv::server
