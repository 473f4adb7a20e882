#include "glmv/net/ip_address.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "glmv/base/random.h"

namespace glmv::net {
namespace {

IpAddress address(const std::string& text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(IpAddress{});
}

// First and last address of each range, and the neighbours outside.
TEST(AddressPolicy, RangesOfIpv4) {
  for (const char* refused :
       {"0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",
        "100.64.0.0",      "100.100.100.200", "100.127.255.255", "127.0.0.0",
        "127.0.0.1",       "127.255.255.255", "168.63.129.16",   "169.254.0.0",
        "169.254.169.254", "169.254.255.255", "172.16.0.0",      "172.31.255.255",
        "192.0.0.0",       "192.0.0.192",     "192.0.0.255",     "192.0.2.0",
        "192.0.2.255",     "192.88.99.0",     "192.88.99.255",   "192.168.0.0",
        "192.168.255.255", "198.18.0.0",      "198.19.255.255",  "198.51.100.0",
        "198.51.100.255",  "203.0.113.0",     "203.0.113.255",   "224.0.0.0",
        "239.255.255.255", "240.0.0.0",       "255.255.255.255"}) {
    EXPECT_FALSE(is_global_address(address(refused))) << refused;
  }
  for (const char* global :
       {"1.0.0.0",         "1.1.1.1",         "8.8.8.8",         "9.255.255.255",  "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "168.63.129.15",
        "168.63.129.17",   "169.253.255.255", "169.255.0.0",     "172.15.255.255", "172.32.0.0",
        "191.255.255.255", "192.0.1.0",       "192.0.3.0",       "192.88.98.255",  "192.88.100.0",
        "192.167.255.255", "192.169.0.0",     "198.17.255.255",  "198.20.0.0",     "198.51.99.255",
        "198.51.101.0",    "203.0.112.255",   "203.0.114.0",     "223.255.255.255"}) {
    EXPECT_TRUE(is_global_address(address(global))) << global;
  }
}

TEST(AddressPolicy, RangesOfIpv6) {
  for (const char* refused : {"::",
                              "::1",
                              "::7f00:1",
                              "::127.0.0.1",
                              "::8.8.8.8",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "::ffff:8.8.8.8",
                              "::ffff:0:8.8.8.8",
                              "64:ff9b::8.8.8.8",
                              "64:ff9b::10.0.0.1",
                              "64:ff9b:1::10.0.0.1",
                              "100::1",
                              "1fff:ffff::1",
                              "2001::1",
                              "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                              "2001:2::1",
                              "2001:10::1",
                              "2001:20::1",
                              "2001:1ff:ffff::1",
                              "2001:db8::1",
                              "2001:db8:ffff:ffff::1",
                              "2002::1",
                              "2002:7f00:1::1",
                              "2002:ffff::1",
                              "3fff::1",
                              "3fff:fff::1",
                              "4000::1",
                              "5f00::1",
                              "fc00::1",
                              "fd00:ec2::254",
                              "fdff::1",
                              "fe80::1",
                              "fe80::a9fe:a9fe",
                              "febf::1",
                              "fec0::1",
                              "ff00::1",
                              "ff02::1",
                              "ffff::1",
                              "2606:4700::5efe:10.0.0.1",
                              "2606:4700::200:5efe:10.0.0.1"}) {
    EXPECT_FALSE(is_global_address(address(refused))) << refused;
  }
  for (const char* global :
       {"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1", "2003::1",
        "2606:4700:4700::1111", "2a00:1450::1", "3ffe::1", "3fff:1000::1", "3fff:ffff::1"}) {
    EXPECT_TRUE(is_global_address(address(global))) << global;
  }
}

// Every /16 of IPv4 against the rules written as what people know of them.
TEST(AddressPolicy, AllOfIpv4ByBlocks) {
  int64_t num_global = 0;
  for (uint32_t high = 0; high < 65536; ++high) {
    const uint32_t a = high >> 8, b = high & 255;
    IpAddress each;
    each.bytes = {static_cast<uint8_t>(a), static_cast<uint8_t>(b), 77, 9};
    const bool refused = a == 0 || a == 10 || a == 127 || a >= 224 ||
                         (a == 100 && b >= 64 && b < 128) || (a == 169 && b == 254) ||
                         (a == 172 && b >= 16 && b < 32) || (a == 192 && b == 168) ||
                         (a == 198 && (b == 18 || b == 19));
    ASSERT_EQ(is_global_address(each), !refused) << each.text();
    num_global += !refused;
  }
  EXPECT_GT(num_global, 50'000);
}

// Nothing that carries an IPv4 address in IPv6 passes, whatever that address is.
TEST(AddressPolicy, NoIpv4InsideIpv6) {
  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    const auto part = [&] { return static_cast<uint8_t>(random.below(256)); };
    const std::string v4 = fmt::format("{}.{}.{}.{}", part(), part(), part(), part());
    for (const char* prefix : {"::ffff:", "::", "64:ff9b::", "64:ff9b:1::", "::ffff:0:"}) {
      EXPECT_FALSE(is_global_address(address(prefix + v4))) << prefix << v4;
    }
    const std::string hex =
        fmt::format("2002:{:02x}{:02x}:{:02x}{:02x}::1", part(), part(), part(), part());
    EXPECT_FALSE(is_global_address(address(hex))) << hex;
  }
}

TEST(IpAddress, OneSpellingOfIpv4) {
  for (const char* bad :
       {"127.1", "127.0.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1.",
        "127.0.0.256", "127.0.0.-1", "127.0.0", "", " 127.0.0.1", "127.0.0.1 ", "127.0.0.1/8",
        "::1%lo", "[::1]", "1::2::3", "12345::", "::g"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("127.0.0.1\0x", 11)));
  EXPECT_EQ(address("2001:DB8:0:0:0::1").text(), "2001:db8::1");
  EXPECT_EQ(address("8.8.8.8").text(), "8.8.8.8");
}

}  // namespace
}  // namespace glmv::net
