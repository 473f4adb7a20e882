#pragma once
// The configuration of AMX tiles that our kernels share, and memory for their operands.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <cstdint>
#include <new>

namespace glmv::kernels {
namespace {

// All eight tiles of 16 lines of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kTiles;

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

// Memory that begins with a cache line. No std::vector here: its code, compiled for this CPU, could
// become that of the whole program.
template <class T>
class Lines {
 public:
  explicit Lines(int64_t n)
      : data_(static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64}))) {}
  ~Lines() { ::operator delete(data_, std::align_val_t{64}); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  T* data() { return data_; }

 private:
  T* data_;
};

}  // namespace
}  // namespace glmv::kernels
