#pragma once
// Checksums for tests: expected pictures are stored as digests.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace glmv::media {

std::string sha256_hex(std::span<const uint8_t> data);
uint32_t crc32_of(std::string_view data);

}  // namespace glmv::media
