#pragma once
// Downloads of pictures that a request names: the only code that opens connections to addresses
// chosen by clients. What may be reached is decided here and nowhere else.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/net/ip_address.h"
#include "glmv/net/url.h"

namespace glmv::net {

// All addresses of a host name; none: there is no such name. May be called on any thread.
using Resolver = std::function<std::vector<IpAddress>(const std::string& host)>;

struct MediaFetchOptions {
  // "host": ports 80 and 443; "host:port": that port; "*", "*:port": any host. Names match exactly.
  // Empty: nothing may be fetched.
  std::vector<std::string> allowed_domains;
  int max_redirects = 0;  // each one checked like the first URL; 3 at most
  Resolver resolver;      // empty: the system's
  // Which addresses may be connected to, whatever name led there.
  std::function<bool(const IpAddress&)> address_policy = is_global_address;
};

struct FetchLimits {
  size_t max_bytes = size_t{32} << 20;
  std::chrono::milliseconds deadline{10'000};  // for everything, names and retries included
};

enum class FetchFault {
  kNotAllowed,  // a bad URL, or a host or port that is not on the list
  kFailed,      // anything else: nobody can tell a closed port from a forbidden address
  kTooLarge,
};

// Immutable after create, thread-safe.
class MediaFetcher {
 public:
  // Errors: invalid_argument names the entry of the list.
  static Result<MediaFetcher> create(MediaFetchOptions options);

  // GET. A name is resolved once, all of its addresses are checked, and the connection goes to one
  // of them. No proxies, cookies, credentials or compression. One more try after a connection that
  // takes too long or an answer of 5xx. `wanted` is asked now and then; false ends the download
  // (kFailed).
  std::expected<std::string, FetchFault> fetch(std::string_view url, const FetchLimits& limits,
                                               const std::function<bool()>& wanted = {}) const;

 private:
  struct Rule {
    std::string host;   // empty: any
    uint16_t port = 0;  // 0: 80 and 443
  };
  explicit MediaFetcher(MediaFetchOptions options) : options_(std::move(options)) {}
  bool is_allowed(const Url& url) const;
  // The addresses to connect to; none: there are none, or one of them is forbidden.
  std::vector<IpAddress> checked_addresses(const Url& url,
                                           std::chrono::steady_clock::time_point end) const;

  MediaFetchOptions options_;
  std::vector<Rule> rules_;
};

}  // namespace glmv::net
