#include "glmv/net/http_fields.h"

#include <gtest/gtest.h>

#include <string>

namespace glmv::net {
namespace {

TEST(HttpFields, Gzip) {
  for (const char* yes :
       {"gzip", "GZIP", "deflate, gzip", "gzip;q=0.5", "br;q=1.0, gzip;q=0.8", "x-gzip", "*",
        "*;q=0.1", "identity;q=0, *", " gzip ; q=1", "gzip;", "gzip;level=9"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "gzip;q=", "*;q=0",
                         "gzip;q=0, *", "gzipped", "gz ip", ",,;,", "gzip;a=1;q=0"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(HttpFields, EntityTags) {
  for (const char* yes : {"\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\" ", "*", " * "}) {
    EXPECT_TRUE(matches_etag(yes, "\"a\"")) << yes;
  }
  for (const char* no : {"", "a", "\"b\"", "\"A\"", "\"a", "W/", ",", "w/\"a\""}) {
    EXPECT_FALSE(matches_etag(no, "\"a\"")) << no;
  }
}

TEST(HttpFields, Ranges) {
  using Kind = ByteRange::Kind;
  const auto of = [](const char* text, int64_t size = 100) {
    const ByteRange range = byte_range(text, size);
    return range.kind == Kind::kAll ? std::string("all")
           : range.kind == Kind::kNone
               ? std::string("none")
               : std::to_string(range.begin) + "+" + std::to_string(range.size);
  };
  EXPECT_EQ(of("bytes=0-9"), "0+10");
  EXPECT_EQ(of("bytes=0-0"), "0+1");
  EXPECT_EQ(of("bytes=90-"), "90+10");
  EXPECT_EQ(of("bytes=90-200"), "90+10");
  EXPECT_EQ(of("bytes=0-9223372036854775807"), "0+100");
  EXPECT_EQ(of("bytes=-5"), "95+5");
  EXPECT_EQ(of("bytes=-500"), "0+100");
  EXPECT_EQ(of(" Bytes = 1 - 2 "), "1+2");
  EXPECT_EQ(of("bytes=100-"), "none");
  EXPECT_EQ(of("bytes=100-200"), "none");
  EXPECT_EQ(of("bytes=-0"), "none");
  EXPECT_EQ(of("bytes=0-", 0), "none");
  EXPECT_EQ(of("bytes=-1", 0), "none");
  for (const char* nonsense :
       {"", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=5-4", "bytes=a-b", "bytes=1-x",
        "bytes=--1", "bytes=-1-2", "bytes=+1-2", "lines=0-9", "bytes=0-9,20-29",
        "bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=0x1-2"}) {
    EXPECT_EQ(of(nonsense), "all") << nonsense;
  }
}

}  // namespace
}  // namespace glmv::net
