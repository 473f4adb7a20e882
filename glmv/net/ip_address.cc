#include "glmv/net/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace glmv::net {
namespace {

struct Range {
  uint32_t first;
  int prefix_bits;
};

// IPv4 that is not for everybody.
constexpr Range kRefusedV4[] = {
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // shared, CGNAT; the metadata service of one cloud
    {0x7f000000, 8},   // loopback
    {0xa83f8110, 32},  // 168.63.129.16: a cloud's host agent, reached from inside only
    {0xa9fe0000, 16},  // link-local, most clouds' metadata service
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // 6to4 relays
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarking
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved, broadcast
};

struct RangeV6 {
  std::array<uint8_t, 6> first;
  int prefix_bits;
};

// Of 2000::/3, outside of which nothing is global unicast.
constexpr RangeV6 kRefusedV6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23},  // protocol assignments: Teredo, ORCHID, benchmarking
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02}, 16},              // 6to4
    {{0x3f, 0xff}, 20},              // documentation
};

bool has_prefix(const uint8_t* bytes, const uint8_t* prefix, int bits) {
  const int whole = bits / 8, rest = bits % 8;
  if (!std::equal(prefix, prefix + whole, bytes)) return false;
  return rest == 0 || ((bytes[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

bool is_global_v4(uint32_t address) {
  return std::ranges::none_of(kRefusedV4, [address](const Range& range) {
    return (address ^ range.first) >> (32 - range.prefix_bits) == 0;
  });
}

bool is_global_v6(const std::array<uint8_t, 16>& bytes) {
  if (bytes[0] >> 5 != 1) return false;
  for (const RangeV6& range : kRefusedV6) {
    if (has_prefix(bytes.data(), range.first.data(), range.prefix_bits)) return false;
  }
  // ISATAP: an IPv4 address behind 0:5efe or 200:5efe, under any prefix.
  const bool isatap =
      (bytes[8] == 0 || bytes[8] == 2) && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
  return !isatap;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != copy.npos) return std::nullopt;
  IpAddress out;
  out.is_v6 = copy.find(':') != copy.npos;
  if (::inet_pton(out.is_v6 ? AF_INET6 : AF_INET, copy.c_str(), out.bytes.data()) != 1) {
    return std::nullopt;
  }
  return out;
}

std::optional<IpAddress> IpAddress::from(const sockaddr& address) {
  IpAddress out;
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    std::memcpy(out.bytes.data(), &v4.sin_addr, 4);
    return out;
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  out.is_v6 = true;
  std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
  return out;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), buffer, sizeof buffer);
  return buffer;
}

bool is_global_address(const IpAddress& address) {
  if (address.is_v6) return is_global_v6(address.bytes);
  const auto& b = address.bytes;
  return is_global_v4(uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3]);
}

}  // namespace glmv::net
