#include "glmv/base/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string_view>
#include <vector>

namespace glmv {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// The check value of the published catalogue, and the examples of RFC 3720, B.4.
TEST(Crc32c, PublishedValues) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0})), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{255})), 0x62a8ab43u);
  std::vector<std::byte> rising(32);
  for (int i = 0; i < 32; ++i) rising[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
}

TEST(Crc32c, GoesOnBehindWhatCameBefore) {
  const auto text = bytes_of("The quick brown fox jumps over the lazy dog");
  const uint32_t whole = crc32c(text);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(text.subspan(cut), crc32c(text.first(cut))), whole) << cut;
  }
}

}  // namespace
}  // namespace glmv
