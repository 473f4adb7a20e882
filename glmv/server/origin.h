#pragma once
// Which web pages may use this server: the Host and Origin headers, and CORS for the pages that
// may.

#include <string>
#include <string_view>
#include <vector>

#include "glmv/net/http_types.h"
#include "glmv/server/api_error.h"

namespace glmv::server {

struct OriginRules {
  std::vector<std::string> allowed_hosts;  // of the Host header, without port; empty: any
  // "https://app.example" as browsers send it, or "*"; empty: only pages of this server itself.
  std::vector<std::string> allowed_origins;
};

// 403 where the request comes for a host that is not ours, or from a page that is not allowed.
ApiResult<void> check_origin(const net::HttpRequest& request, const OriginRules& rules);

// Whether a browser asks if a page may send a request; answered without a key, which it cannot
// send.
bool is_preflight(const net::HttpRequest& request, const OriginRules& rules);
net::HttpHeaders preflight_headers(const net::HttpRequest& request);

// What every reply to an allowed page of another origin carries; credentials of the browser
// (cookies) are never asked for.
net::HttpHeaders cors_headers(const net::HttpRequest& request, const OriginRules& rules);

}  // namespace glmv::server
