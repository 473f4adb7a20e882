#pragma once
// IPv4 and IPv6 addresses, and which of them lie in the public Internet.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace glmv::net {

struct IpAddress {
  bool is_v6 = false;
  std::array<uint8_t, 16> bytes{};  // network order; IPv4: the first four

  // Dotted decimal with four parts and no zero in front, or RFC 4291 text without brackets and
  // zone.
  static std::optional<IpAddress> parse(std::string_view text);
  // Of AF_INET and AF_INET6.
  static std::optional<IpAddress> from(const sockaddr& address);

  std::string text() const;  // canonical, without brackets
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// False for everything that is not a plain address of the public Internet: private, shared (CGNAT),
// loopback, link-local, metadata services, multicast, documentation, benchmarking, reserved, unique
// local, and IPv6 forms that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo,
// ISATAP). Source: IANA's special-purpose address registries, RFC 6890 and its successors.
bool is_global_address(const IpAddress& address);

}  // namespace glmv::net
