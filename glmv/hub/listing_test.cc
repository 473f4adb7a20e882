#include "glmv/hub/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glmv::hub {
namespace {

using testing::HasSubstr;

const std::string kCommit(40, 'c');

std::string listing_of(const std::string& siblings) {
  return R"({"sha":")" + kCommit + R"(","siblings":[)" + siblings + "]}";
}

TEST(Listing, ReadsNamesSizesAndDigests) {
  const std::string sha256(64, 'a'), sha1(40, 'b');
  const auto listing = parse_listing(
      listing_of(R"({"rfilename":"config.json","size":12,"blobId":")" + sha1 +
                 R"("},{"rfilename":"m.safetensors","size":99,"blobId":"x","lfs":{"sha256":")" +
                 sha256 + R"(","size":99,"pointerSize":130}},{"rfilename":"only-a-name"})"));
  ASSERT_TRUE(listing) << listing.error().message;
  EXPECT_EQ(listing->commit, kCommit);
  ASSERT_EQ(listing->files.size(), 3);
  EXPECT_EQ(listing->find("config.json")->git_sha1, sha1);
  EXPECT_EQ(listing->find("config.json")->size, 12);
  EXPECT_EQ(listing->find("m.safetensors")->sha256, sha256);
  EXPECT_EQ(listing->find("m.safetensors")->git_sha1, "");
  EXPECT_FALSE(listing->find("only-a-name")->size);
  EXPECT_EQ(listing->find("none"), nullptr);
}

TEST(Listing, RefusesNonsense) {
  const struct {
    std::string body, says;
  } kCases[] = {
      {"", "list of files"},
      {"[]", "no object"},
      {"<html>", "list of files"},
      {"{}", "no commit"},
      {R"({"sha":"../../x","siblings":[]})", "no commit"},
      {R"({"sha":")" + kCommit + R"("})", "siblings"},
      {R"({"sha":")" + kCommit + R"(","siblings":{}})", "siblings"},
      {listing_of("1"), "no file"},
      {listing_of("{}"), "no path inside"},
      {listing_of(R"({"rfilename":"../../.bashrc"})"), "no path inside"},
      {listing_of(R"({"rfilename":"/etc/passwd"})"), "no path inside"},
      {listing_of(R"({"rfilename":"a\\b"})"), "no path inside"},
      {listing_of(R"({"rfilename":"a\u0000b"})"), "no path inside"},
      {listing_of(R"({"rfilename":7})"), "no path inside"},
      {listing_of(R"({"rfilename":"a","size":-1})"), "size"},
      {listing_of(R"({"rfilename":"a","size":1e300})"), "size"},
      {listing_of(R"({"rfilename":"a","size":99999999999999999})"), "size"},
      {listing_of(R"({"rfilename":"a","lfs":{"sha256":"../x"}})"), "SHA-256"},
      {listing_of(R"({"rfilename":"a"},{"rfilename":"a"})"), "twice"},
  };
  for (const auto& one : kCases) {
    const auto listing = parse_listing(one.body);
    ASSERT_FALSE(listing) << one.body;
    EXPECT_THAT(listing.error().message, HasSubstr(one.says));
  }
}

TEST(Listing, IsLimited) {
  std::string many;
  for (int i = 0; i < 100'001; ++i) {
    many += (i == 0 ? "" : ",") + std::string(R"({"rfilename":"f)") + std::to_string(i) + R"("})";
  }
  const auto listing = parse_listing(listing_of(many));
  ASSERT_FALSE(listing);
  EXPECT_THAT(listing.error().message, HasSubstr("100001 files"));
}

}  // namespace
}  // namespace glmv::hub
