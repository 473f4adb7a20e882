#pragma once
// One request to a server that the person at the keyboard has named, over libcurl, its answer read
// while it comes. For URLs that clients of our own server choose: media_fetcher.h.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "glmv/net/http_types.h"
#include "glmv/net/url.h"

namespace glmv::net {

struct CallHead {
  int status = 0;
  HttpHeaders headers;

  // Value of the last header of that name, in any case; "" where there is none.
  std::string_view header(std::string_view name) const;
};

struct HttpCall {
  Url url;
  std::string method = "GET";
  HttpHeaders headers;
  std::string_view body;  // outlives the call
  std::string ca_file;    // PEM with the certificates to trust; empty: the system's
  std::chrono::milliseconds connect_timeout{10'000};  // for name, connection and TLS
  std::chrono::milliseconds silence_timeout{60'000};  // without a byte in either direction
  // Asked every 20 ms; false closes the connection at once. May be empty.
  std::function<bool()> wanted;
  // Bytes of the body as they come; false: the rest is not wanted, and the call ends well.
  std::function<bool(const CallHead& head, std::string_view bytes)> on_body;
};

// Follows no redirect. Proxies of the environment are used, but not for this machine itself; no
// cookies, .netrc or compression. Errors: cancelled (not wanted any more), unavailable (no
// connection, TLS, silence, a connection that was cut; the text says which).
Result<CallHead> http_call(const HttpCall& call);

}  // namespace glmv::net
