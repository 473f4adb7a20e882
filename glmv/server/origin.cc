#include "glmv/server/origin.h"

#include <algorithm>

namespace glmv::server {
namespace {

constexpr size_t kMaxRequestedHeaders = 1000;

std::string_view without_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  return colon != host.npos && host.find(']', colon) == host.npos ? host.substr(0, colon) : host;
}

bool contains(const std::vector<std::string>& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

// A page of this server: its origin is the host that the request was sent to.
bool is_own(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme) && origin.substr(scheme.size()) == host) return true;
  }
  return false;
}

ApiError forbidden(std::string message) { return {403, "forbidden", std::move(message), "", 0}; }

}  // namespace

ApiResult<void> check_origin(const net::HttpRequest& request, const OriginRules& rules) {
  const std::string_view host = request.header("host");
  // A page of another site that made its name point here sends that name.
  if (!rules.allowed_hosts.empty() && !contains(rules.allowed_hosts, without_port(host))) {
    return std::unexpected(forbidden(fmt::format(
        "the host \"{}\" is not one of this server's; see --allowed-hosts", without_port(host))));
  }
  const std::string_view origin = request.header("origin");
  if (origin.empty() || is_own(origin, host) || contains(rules.allowed_origins, origin) ||
      contains(rules.allowed_origins, "*")) {
    return {};
  }
  return std::unexpected(forbidden(
      fmt::format("pages of \"{}\" may not use this server; see --allowed-origins", origin)));
}

bool is_preflight(const net::HttpRequest& request, const OriginRules& rules) {
  return !rules.allowed_origins.empty() && request.method == "OPTIONS" &&
         !request.header("origin").empty() &&
         !request.header("access-control-request-method").empty();
}

net::HttpHeaders preflight_headers(const net::HttpRequest& request) {
  net::HttpHeaders headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"},
                              {"Access-Control-Max-Age", "600"}};
  // OpenAI's client sends a dozen of its own.
  const std::string_view asked = request.header("access-control-request-headers");
  const bool is_list = std::ranges::all_of(asked, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-_, ").contains(c);
  });
  if (!asked.empty() && asked.size() <= kMaxRequestedHeaders && is_list) {
    headers.emplace_back("Access-Control-Allow-Headers", asked);
  }
  return headers;
}

net::HttpHeaders cors_headers(const net::HttpRequest& request, const OriginRules& rules) {
  const std::string_view origin = request.header("origin");
  if (origin.empty() || rules.allowed_origins.empty()) return {};
  const bool any = contains(rules.allowed_origins, "*");
  if (!any && !contains(rules.allowed_origins, origin)) return {};
  return {{"Access-Control-Allow-Origin", any ? "*" : std::string(origin)},
          {"Access-Control-Expose-Headers",
           "x-request-id, retry-after, x-should-retry, x-glmv-warning"},
          {"Vary", "Origin"}};
}

}  // namespace glmv::server
