#include "glmv/media/test_digest.h"

#include <glib.h>
#include <gtest/gtest.h>

namespace glmv::media {

std::string sha256_hex(std::span<const uint8_t> data) {
  char* text = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data.data(), data.size());
  std::string hex(text);
  g_free(text);
  return hex;
}

uint32_t crc32_of(std::string_view data) {
  uint32_t crc = 0xffffffffu;
  for (unsigned char byte : data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

namespace {

TEST(TestDigest, KnownValues) {
  const std::string text = "abc";
  EXPECT_EQ(sha256_hex({reinterpret_cast<const uint8_t*>(text.data()), 3}),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(crc32_of("123456789"), 0xcbf43926u);
}

}  // namespace
}  // namespace glmv::media
