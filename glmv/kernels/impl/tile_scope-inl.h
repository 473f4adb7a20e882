#pragma once
// The configuration of AMX tiles that our kernels share.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <cstdint>

#include "glmv/kernels/impl/lines-inl.h"
#include "glmv/kernels/tile_config.h"

namespace glmv::kernels {
namespace {

// The tiles of this thread while it lives.
class TileScope {
 public:
  TileScope() { _tile_loadconfig(&kTiles); }
  // With `rows` lines in the tiles 0 to 5: products of so many rows of activations.
  explicit TileScope(int rows) {
    TileConfig config;
    for (int tile = 0; tile < 6; ++tile) config.lines[tile] = static_cast<uint8_t>(rows);
    _tile_loadconfig(&config);
  }
  ~TileScope() { _tile_release(); }
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

}  // namespace
}  // namespace glmv::kernels
