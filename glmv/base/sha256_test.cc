#include "glmv/base/sha256.h"

#include <gtest/gtest.h>

#include <vector>

#include "glmv/base/random.h"

namespace glmv {
namespace {

std::string hash_of(std::string_view text, bool portable = false) {
  return Sha256(portable).add(std::as_bytes(std::span(text))).digest().hex();
}

// Examples of FIPS 180-2 and of NIST's test vectors.
TEST(Sha256, PublishedVectors) {
  const std::string million(1000000, 'a');
  const std::vector<std::pair<std::string_view, std::string>> cases = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmn"
       "opqrs"
       "mnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(hash_of(text), want);
    EXPECT_EQ(hash_of(text, true), want);
  }
}

TEST(Sha256, TheSameInEveryCutAndByBothWays) {
  Random random(5);
  for (size_t size = 0; size < 260; ++size) {
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.below(256));
    const Digest whole = Sha256().add(bytes).digest();
    EXPECT_EQ(Sha256(true).add(bytes).digest(), whole) << size;
    Sha256 pieces;
    for (size_t at = 0; at < size;) {
      const size_t n = std::min<size_t>(1 + random.below(70), size - at);
      pieces.digest();  // does not disturb what follows
      pieces.add(std::span(bytes).subspan(at, n));
      at += n;
    }
    EXPECT_EQ(pieces.digest(), whole) << size;
  }
}

TEST(Sha256, NumbersAreLittleEndianAndFramesKeepFieldsApart) {
  const std::string bytes("\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01", 12);
  EXPECT_EQ(Sha256().add_u32(0x01020304).add_u64(0x0102030405060708).digest().hex(),
            hash_of(bytes));
  EXPECT_NE(Sha256().add_framed("ab").add_framed("c").digest(),
            Sha256().add_framed("a").add_framed("bc").digest());
  EXPECT_EQ(Sha256().add_framed("x").digest().hex(),
            hash_of(std::string("\x01\0\0\0\0\0\0\0x", 9)));
}

TEST(Digest, HexAndBack) {
  const Digest digest = Sha256().add_u32(7).digest();
  EXPECT_EQ(Digest::from_hex(digest.hex()), digest);
  EXPECT_FALSE(Digest::from_hex(digest.hex().substr(1)));
  std::string wrong = digest.hex();
  wrong[5] = 'G';
  EXPECT_FALSE(Digest::from_hex(wrong));
}

}  // namespace
}  // namespace glmv
