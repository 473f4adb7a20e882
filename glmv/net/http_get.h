#pragma once
// One GET over libcurl, to addresses that the caller has checked. Used by media_fetcher only.

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "glmv/net/ip_address.h"
#include "glmv/net/url.h"

namespace glmv::net {

struct HttpGet {
  enum class Outcome { kAnswered, kTooLarge, kConnectTimeout, kFailed };
  Outcome outcome = Outcome::kFailed;
  int status = 0;
  std::string location;  // of a redirect
  std::string body;      // of a 200
};

// Connects to one of `addresses` and to nothing else; Host and, with https, the certificate's name
// are the URL's. A body that comes compressed is a failure. `wanted` may be empty.
HttpGet http_get(const Url& url, const std::vector<IpAddress>& addresses, size_t max_bytes,
                 std::chrono::milliseconds connect_timeout, std::chrono::milliseconds timeout,
                 const std::function<bool()>& wanted);

}  // namespace glmv::net
