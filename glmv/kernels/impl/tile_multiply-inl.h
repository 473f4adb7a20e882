#pragma once
// Products of one or two tiles of 16 rows of activations with a block of 32 outputs by AMX tiles.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "glmv/kernels/impl/tile_operands-inl.h"

namespace glmv::kernels {
namespace {

constexpr int64_t kTileSums = 256;  // of 16 rows and 16 outputs

// Where the tiles of the two halves of a block lie, and the lines of each.
struct Halves {
  int64_t second;
  int64_t line;
};
constexpr Halves kInTurn = {64, 128};        // lines as a packed weight of 8 bits has them
constexpr Halves kApart = {kTileBytes, 64};  // tiles one behind the other

// The operands of one product: `x`, tiles of the first 16 rows; those of the next 16 lie
// `row_tile_bytes` behind. `w`, tiles of the block.
struct TileOperands {
  const std::byte* x;
  int64_t row_tile_bytes;
  const std::byte* w;
  Halves halves;
  int64_t num_tiles;  // of inputs

  const std::byte* x_at(int row_tile, int64_t t) const {
    return x + row_tile * row_tile_bytes + t * kTileBytes;
  }
  const std::byte* w_at(int half, int64_t t) const {
    return w + half * halves.second + t * 2 * kTileBytes;
  }
};

// Sums of rows and the 32 outputs of a block, row after row. Those of row r:
inline int64_t sums_at(int64_t r, int half) { return r * kPackRows + half * 16; }
constexpr int64_t kSumsLine = 4 * kPackRows;  // bytes from row to row

// Tiles 0 and 1 hold the sums of the first row tile and the halves of the block, 2 and 3 those of
// the second, if kBoth. Steps of inputs but for the last one or two, which finish() adds.
template <bool kBoth, bool kBytes, class Step>
void multiply_first(const TileOperands& o, int64_t num_tiles, const Step& step) {
  for (int64_t t = 0; t < num_tiles; ++t) {
    _tile_loadd(4, o.x_at(0, t), 64);
    _tile_loadd(6, o.w_at(0, t), o.halves.line);
    if constexpr (kBytes) _tile_dpbssd(0, 4, 6);
    if constexpr (!kBytes) _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, o.w_at(1, t), o.halves.line);
    if constexpr (kBytes) _tile_dpbssd(1, 4, 7);
    if constexpr (!kBytes) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kBoth) {
      _tile_loadd(5, o.x_at(1, t), 64);
      if constexpr (kBytes) _tile_dpbssd(2, 5, 6);
      if constexpr (!kBytes) _tile_dpbf16ps(2, 5, 6);
      if constexpr (kBytes) _tile_dpbssd(3, 5, 7);
      if constexpr (!kBytes) _tile_dpbf16ps(3, 5, 7);
    }
    step();
  }
}

// The last one or two steps, one sum after the other, each stored while the next is under way: a
// store holds up the tile unit as long as a product. The vector unit does `meanwhile(part, parts)`.
template <bool kBoth, bool kBytes, bool kTwo, class Sum, class Meanwhile>
void finish(const TileOperands& o, Sum* to, const Meanwhile& meanwhile) {
  constexpr int kParts = kBoth ? 4 : 2;
  const int64_t t = o.num_tiles - (kTwo ? 2 : 1);
  const auto load_rows = [&](int row_tile) {
    _tile_loadd(4, o.x_at(row_tile, t), 64);
    if constexpr (kTwo) _tile_loadd(5, o.x_at(row_tile, t + 1), 64);
  };
  const auto load_half = [&](int half) {
    _tile_loadd(6, o.w_at(half, t), o.halves.line);
    if constexpr (kTwo) _tile_loadd(7, o.w_at(half, t + 1), o.halves.line);
  };
  load_rows(0);
  load_half(0);
  if constexpr (kBytes) _tile_dpbssd(0, 4, 6);
  if constexpr (!kBytes) _tile_dpbf16ps(0, 4, 6);
  if constexpr (kBytes && kTwo) _tile_dpbssd(0, 5, 7);
  if constexpr (!kBytes && kTwo) _tile_dpbf16ps(0, 5, 7);
  meanwhile(0, kParts);
  _tile_stored(0, to, kSumsLine);
  load_half(1);
  if constexpr (kBytes) _tile_dpbssd(1, 4, 6);
  if constexpr (!kBytes) _tile_dpbf16ps(1, 4, 6);
  if constexpr (kBytes && kTwo) _tile_dpbssd(1, 5, 7);
  if constexpr (!kBytes && kTwo) _tile_dpbf16ps(1, 5, 7);
  meanwhile(1, kParts);
  _tile_stored(1, to + 16, kSumsLine);
  if constexpr (kBoth) {
    load_rows(1);
    if constexpr (kBytes) _tile_dpbssd(3, 4, 6);
    if constexpr (!kBytes) _tile_dpbf16ps(3, 4, 6);
    if constexpr (kBytes && kTwo) _tile_dpbssd(3, 5, 7);
    if constexpr (!kBytes && kTwo) _tile_dpbf16ps(3, 5, 7);
    meanwhile(2, kParts);
    _tile_stored(3, to + 2 * kTileSums + 16, kSumsLine);
    load_half(0);
    if constexpr (kBytes) _tile_dpbssd(2, 4, 6);
    if constexpr (!kBytes) _tile_dpbf16ps(2, 4, 6);
    if constexpr (kBytes && kTwo) _tile_dpbssd(2, 5, 7);
    if constexpr (!kBytes && kTwo) _tile_dpbf16ps(2, 5, 7);
    meanwhile(3, kParts);
    _tile_stored(2, to + 2 * kTileSums, kSumsLine);
  }
}

// to = `from` (null: 0) + the products of one row tile, or of two.
template <bool kBoth, bool kBytes, class Sum, class Meanwhile, class Step>
void multiply_onto(const TileOperands& o, const Sum* from, Sum* to, const Meanwhile& meanwhile,
                   const Step& step) {
  if (from == nullptr) {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kBoth) {
      _tile_zero(2);
      _tile_zero(3);
    }
  } else {
    _tile_loadd(0, from, kSumsLine);
    _tile_loadd(1, from + 16, kSumsLine);
    if constexpr (kBoth) {
      _tile_loadd(2, from + 2 * kTileSums, kSumsLine);
      _tile_loadd(3, from + 2 * kTileSums + 16, kSumsLine);
    }
  }
  if (o.num_tiles == 1) return finish<kBoth, kBytes, false>(o, to, meanwhile);
  multiply_first<kBoth, kBytes>(o, o.num_tiles - 2, step);
  finish<kBoth, kBytes, true>(o, to, meanwhile);
}

// The same from 0, all stored at the end, behind meanwhile(0, 1).
template <bool kBoth, bool kBytes, class Sum, class Meanwhile>
void multiply_short(const TileOperands& o, Sum* to, const Meanwhile& meanwhile) {
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kBoth) {
    _tile_zero(2);
    _tile_zero(3);
  }
  multiply_first<kBoth, kBytes>(o, o.num_tiles, [] {});
  meanwhile(0, 1);
  _tile_stored(0, to, kSumsLine);
  _tile_stored(1, to + 16, kSumsLine);
  if constexpr (kBoth) {
    _tile_stored(2, to + 2 * kTileSums, kSumsLine);
    _tile_stored(3, to + 2 * kTileSums + 16, kSumsLine);
  }
}

template <bool kBytes, class Sum, class Meanwhile, class Step>
void multiply_onto(bool both, const TileOperands& o, const Sum* from, Sum* to,
                   const Meanwhile& meanwhile, const Step& step) {
  if (both) {
    multiply_onto<true, kBytes>(o, from, to, meanwhile, step);
  } else {
    multiply_onto<false, kBytes>(o, from, to, meanwhile, step);
  }
}

}  // namespace
}  // namespace glmv::kernels
