#pragma once
// The configuration of AMX tiles that our kernels and measurements share: plain data, so that code
// built for any CPU may hold it.

#include <cstdint>

namespace glmv::kernels {

// All eight tiles of 16 lines of 64 bytes, as the instruction ldtilecfg reads it.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

// Not on a stack: the intrinsic tells the compiler of its first eight bytes only.
inline constexpr TileConfig kTiles;

}  // namespace glmv::kernels
