#pragma once
// http and https URLs: the part of RFC 3986 that no two programs read differently. The same parse
// decides what is allowed and where the request goes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/net/ip_address.h"

namespace glmv::net {

struct Url {
  std::string scheme;                // "http" | "https"
  std::string host;                  // lower case; of an address its canonical text, no brackets
  std::optional<IpAddress> address;  // when the host is one
  uint16_t port = 0;                 // the scheme's where none is written
  bool has_port = false;             // written
  std::string target;                // path and query, "/" at least; no dot segments, no fragment

  std::string host_text() const;  // brackets around IPv6
  std::string text() const;       // the whole, canonical
};

// Refused with invalid_argument: other schemes, user names, backslashes, control characters, white
// space, characters outside ASCII (hosts: "xn--" labels are taken as written), bad percent-escapes,
// escapes in hosts, a dot at the end of a host, addresses in octal, hexadecimal or short form,
// zones, ports outside 1-65535, more than 8 KiB. Messages do not repeat the URL.
Result<Url> parse_url(std::string_view text);

// A Location header seen from `base`: absolute, //host/path, /path, ?query or relative.
Result<Url> resolve_url(const Url& base, std::string_view reference);

}  // namespace glmv::net
