#pragma once
// CRC-32C (Castagnoli): finds bytes that were damaged or not written, not ones that were forged.

#include <cstddef>
#include <cstdint>
#include <span>

namespace glmv {

// Of `bytes` behind others whose sum is `before`.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t before = 0);

}  // namespace glmv
