#include "glmv/net/url.h"

#include <gtest/gtest.h>

#include "glmv/base/random.h"

namespace glmv::net {
namespace {

TEST(Url, IsMadeCanonical) {
  struct Case {
    std::string given, canonical;
  };
  const Case cases[] = {
      {"http://example.com", "http://example.com/"},
      {"HTTPS://Example.COM:443/a", "https://example.com/a"},
      {"http://example.com:80/", "http://example.com/"},
      {"http://example.com:443/", "http://example.com:443/"},
      {"https://example.com:8443/a/b?c=d&e", "https://example.com:8443/a/b?c=d&e"},
      {"https://example.com?x=1", "https://example.com/?x=1"},
      {"https://example.com/a#fragment@evil.com", "https://example.com/a"},
      {"https://example.com#@evil.com/", "https://example.com/"},
      {"https://example.com/a/./b/../c", "https://example.com/a/c"},
      {"https://example.com/../../etc", "https://example.com/etc"},
      {"https://example.com/a/%2e%2E/b", "https://example.com/b"},
      {"https://example.com/a/..", "https://example.com/"},
      {"https://example.com/a/b/.", "https://example.com/a/b/"},
      {"https://example.com//a", "https://example.com//a"},
      {"https://example.com/%7euser/%c3%a9%2f", "https://example.com/~user/%C3%A9%2F"},
      {"https://example.com/a@b:c", "https://example.com/a@b:c"},
      {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
      {"https://8.8.8.8/", "https://8.8.8.8/"},
      {"https://[2001:DB8:0:0::1]:8080/x", "https://[2001:db8::1]:8080/x"},
      {"https://[::ffff:1.2.3.4]/", "https://[::ffff:1.2.3.4]/"},
      {"https://0xabc.example/", "https://0xabc.example/"},
      {"https://1.example/", "https://1.example/"},
  };
  for (const Case& each : cases) {
    const auto url = parse_url(each.given);
    ASSERT_TRUE(url) << each.given << ": " << url.error().message;
    EXPECT_EQ(url->text(), each.canonical) << each.given;
    const auto again = parse_url(url->text());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->text(), each.canonical);
  }
}

TEST(Url, AmbiguityIsRefused) {
  const std::string cases[] = {
      "", "http", "http:", "http:/", "http://", "http:///path", "//example.com/", "example.com",
      "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
      "javascript://example.com/", "data://example.com/", " http://example.com/",
      "http ://example.com/",
      // Who is the host?
      "http://a\\@b/", "http://127.0.0.1\\@1.1.1.1/", "http://a@b/", "http://a:b@c/", "http://@b/",
      "http://a%40b/", "http://example.com\\.evil.com/", "http://example.com\\/",
      "http:\\\\example.com/", "http:/\\example.com/", "http://example.com:80@evil.com/",
      "http://example.com:80:80/", "http://example.com;evil.com/", "http://example.com,evil.com/",
      "http://example.com&evil/", "http://exa mple.com/", "http://example.com\t/",
      "http://exam\nple.com/", "http://example.com/\r\nX: y",
      std::string("http://example.com\0.evil.com/", 29), "http://example.com/\x7f",
      "http://example.com/a b", "http://ex%61mple.com/", "http://example.com%2fevil/",
      "http://exa_mple.com/", "http://*.example.com/",
      // Names
      "http://example.com./", "http://./", "http://.example.com/", "http://example..com/",
      "http://-example.com/", "http://example-.com/", "http://" + std::string(64, 'a') + ".com/",
      "http://" + std::string(260, 'a') + "/",
      "http://b\xc3\xbc"
      "cher.example/",
      "http://\xe2\x92\x88.example/",
      "http://127\xe3\x80\x82"
      "0.0.1/",
      "http://\xef\xbd\x8cocalhost/",
      // Addresses
      "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/",
      "http://0177.0.0.1/", "http://127.0.0.01/", "http://127.0.0.1.2/", "http://127.0.0.256/",
      "http://1.2.3.0x4/", "http://0/", "http://0x/", "http://127.0.0.1./", "http://[127.0.0.1]/",
      "http://[::1/", "http://[::1%25lo]/", "http://[::1%lo]/", "http://[::1]x/", "http://[]/",
      "http://[::1]:/", "http://::1/", "http://[v1.a]/",
      // Ports
      "http://example.com:/", "http://example.com:0/", "http://example.com:65536/",
      "http://example.com:080/", "http://example.com:-1/", "http://example.com:+80/",
      "http://example.com:8o/", "http://example.com: 80/",
      "http://example.com:99999999999999999999/",
      // Paths
      "http://example.com/%", "http://example.com/%4", "http://example.com/%zz",
      "http://example.com/\xc3\xa9", "http://example.com/a\\b", "http://example.com/<",
      "http://example.com/\"", "http://example.com/{a}", "http://example.com/a|b",
      "http://example.com/^", "http://example.com/[",
      "http://example.com/" + std::string(9000, 'a')};
  for (const std::string& each : cases) {
    const auto url = parse_url(each);
    ASSERT_FALSE(url) << each << " -> " << url->text();
    EXPECT_EQ(url.error().code, Code::kInvalidArgument);
    EXPECT_LT(url.error().message.size(), 120u);  // nothing of the URL comes back
  }
}

TEST(Url, ReferencesOfRedirects) {
  const Url base = *parse_url("https://example.com:8443/a/b?c");
  struct Case {
    std::string reference, target;
  };
  const Case good[] = {
      {"http://other.com/x", "http://other.com/x"},
      {"//other.com/x", "https://other.com/x"},
      {"/x/../y", "https://example.com:8443/y"},
      {"x", "https://example.com:8443/a/x"},
      {"../../../x", "https://example.com:8443/x"},
      {"?q", "https://example.com:8443/a/b?q"},
      {"", "https://example.com:8443/a/b?c"},
      {"x#y", "https://example.com:8443/a/x"},
      {"x?u=http://z/", "https://example.com:8443/a/x?u=http://z/"},
  };
  for (const Case& each : good) {
    const auto url = resolve_url(base, each.reference);
    ASSERT_TRUE(url) << each.reference;
    EXPECT_EQ(url->text(), each.target) << each.reference;
  }
  for (const char* bad :
       {"file:///etc/passwd", "javascript:alert(1)", "data:text/plain,x", "http:evil",
        "//user@evil.com/", "/a b", "\\\\evil.com/", "//evil.com\\@x/", "mailto:x@y"}) {
    EXPECT_FALSE(resolve_url(base, bad)) << bad;
  }
}

// What passes is the same after a second parse, and its host has no character that anything could
// read as another part of a URL.
TEST(Url, RandomTextNeverGivesAnOddHost) {
  Random random(3);
  const std::string pieces[] = {"http",        "https",     "://", "/",  "\\",   "@",   ":", "a",
                                "example.com", "127.0.0.1", ".",   "%",  "%2e",  "%40", "[", "]",
                                "::1",         "#",         "?",   "80", "0x7f", "-",   " ", "\n",
                                "\xc3\xa9",    "xn--a",     "//"};
  int num_good = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text = random.below(2) == 0 ? "http://" : "";
    for (uint64_t k = random.below(8); k > 0; --k) text += pieces[random.below(std::size(pieces))];
    const auto url = parse_url(text);
    if (!url) continue;
    ++num_good;
    const auto again = parse_url(url->text());
    ASSERT_TRUE(again) << text;
    ASSERT_EQ(again->text(), url->text()) << text;
    ASSERT_EQ(again->host, url->host);
    if (!url->address) {
      ASSERT_EQ(url->host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-."),
                std::string::npos)
          << text;
    }
    ASSERT_TRUE(url->target.starts_with('/'));
    ASSERT_EQ(url->target.find_first_of("\\# \n"), std::string::npos);
  }
  EXPECT_GT(num_good, 1000);
}

}  // namespace
}  // namespace glmv::net
