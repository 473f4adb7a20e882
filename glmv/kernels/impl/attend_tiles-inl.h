#pragma once
// For attend_heads-inl.h: products by AMX tiles. Scores of 16 keys by 16 heads are one tile;
// weights go into the products as two bf16 numbers each.

#include <immintrin.h>

#include <cstdint>

#include "glmv/kernels/impl/attend_heads-inl.h"
#include "glmv/kernels/impl/tile_scope-inl.h"

namespace glmv::kernels {
namespace {

constexpr int kTile = kHeadsAtOnce;    // rows of a tile, fp32 columns of a result
constexpr int kTilePairs = 2 * kTile;  // bf16 in a row of a tile

// scores [64, 16 heads] = keys * q. Keys are rows as they lie; `q` holds pairs of dimensions:
// [head_dim / 2, 16 heads, 2].
void score_tiles(const uint16_t* keys, int64_t head_dim, int64_t num_keys, const uint16_t* q,
                 float* scores, Ahead& ahead) {
  const int64_t stride = head_dim * 2;
  for (int64_t k = 0; k < num_keys; k += 2 * kTile) {
    _tile_zero(0);
    _tile_zero(1);
    for (int64_t e = 0; e < head_dim; e += kTilePairs) {
      _tile_loadd(4, q + e * kTile, 64);
      _tile_loadd(2, keys + k * head_dim + e, stride);
      _tile_dpbf16ps(0, 2, 4);
      _tile_loadd(3, keys + (k + kTile) * head_dim + e, stride);
      _tile_dpbf16ps(1, 3, 4);
      ahead.ask(16);
    }
    _tile_stored(0, scores + k * kTile, 64);
    _tile_stored(1, scores + (k + kTile) * kTile, 64);
  }
}

// Weights [64 keys, 16 heads] as the rows of two tiles each, [16 heads, 32 keys]: `coarse` rounded
// to bf16, `fine` what the rounding left. Together they are as good as fp32.
void weight_tiles(const float* p, uint16_t* coarse, uint16_t* fine) {
  for (int step = 0; step < 2; ++step) {
    __m512i rough[16], rest[16], rows[16];
    for (int j = 0; j < 16; ++j) {
      const float* at = p + (step * kTilePairs + 2 * j) * kTile;
      const __m512 a = _mm512_loadu_ps(at);
      const __m512 b = _mm512_loadu_ps(at + kTile);
      rough[j] = halves(a, b);
      const __m512 a0 = _mm512_castsi512_ps(_mm512_slli_epi32(rough[j], 16));
      const __m512 b0 = _mm512_castsi512_ps(
          _mm512_and_si512(rough[j], _mm512_set1_epi32(static_cast<int>(0xffff0000))));
      rest[j] = halves(_mm512_sub_ps(a, a0), _mm512_sub_ps(b, b0));
    }
    transpose(rough, rows);
    for (int h = 0; h < 16; ++h) _mm512_store_si512(coarse + (step * kTile + h) * 32, rows[h]);
    transpose(rest, rows);
    for (int h = 0; h < 16; ++h) _mm512_store_si512(fine + (step * kTile + h) * 32, rows[h]);
  }
}

// Values [num_keys, head_dim] as pairs of keys, [head_dim / 16][32 pairs][16 dims, 2]; keys behind
// the last are zeros, whatever the memory holds.
void value_tiles(const uint16_t* values, int64_t head_dim, int64_t num_keys, uint16_t* out,
                 Ahead& ahead) {
  const __m512i first = in_turn(0);
  const __m512i second = in_turn(1);
  for (int64_t j = 0; j < 32; ++j) {
    ahead.ask(4);
    const uint16_t* a = values + 2 * j * head_dim;
    for (int64_t e = 0; e < head_dim; e += 32) {
      const __m512i zero = _mm512_setzero_si512();
      const __m512i x = 2 * j < num_keys ? _mm512_loadu_si512(a + e) : zero;
      const __m512i y = 2 * j + 1 < num_keys ? _mm512_loadu_si512(a + head_dim + e) : zero;
      uint16_t* to = out + (e / 16 * 32 + j) * 32;
      _mm512_store_si512(to, _mm512_permutex2var_epi16(x, first, y));
      _mm512_store_si512(to + 32 * 32, _mm512_permutex2var_epi16(x, second, y));
    }
  }
}

// out [16 heads, head_dim] += weights * values.
void weigh_tiles(const uint16_t* coarse, const uint16_t* fine, const uint16_t* values,
                 int64_t head_dim, float* out) {
  _tile_loadd(4, coarse, 64);
  _tile_loadd(5, coarse + kTile * 32, 64);
  _tile_loadd(6, fine, 64);
  _tile_loadd(7, fine + kTile * 32, 64);
  for (int64_t e = 0; e < head_dim; e += kTile) {
    const uint16_t* tile = values + e / kTile * 32 * 32;
    _tile_loadd(0, out + e, head_dim * 4);
    _tile_loadd(1, tile, 64);
    _tile_dpbf16ps(0, 4, 1);
    _tile_loadd(2, tile + kTile * 32, 64);
    _tile_dpbf16ps(0, 5, 2);
    _tile_dpbf16ps(0, 6, 1);
    _tile_dpbf16ps(0, 7, 2);
    _tile_stored(0, out + e, head_dim * 4);
  }
}

struct TileAttention {
  using Scope = TileScope;
  struct Buffers {
    alignas(64) uint16_t coarse[2 * kTile * 32];
    alignas(64) uint16_t fine[2 * kTile * 32];
    alignas(64) uint16_t values[kMaxBlockTokens * kMaxHeadDim];
  };
  static void scores(const uint16_t* keys, int64_t head_dim, int64_t num_keys, const uint16_t* q,
                     float* scores, Ahead& ahead) {
    score_tiles(keys, head_dim, num_keys, q, scores, ahead);
  }
  static void weigh(const float* p, const uint16_t* values, int64_t head_dim, int64_t num_keys,
                    int /*heads*/, float* out, Buffers& buffers, Ahead& ahead) {
    weight_tiles(p, buffers.coarse, buffers.fine);
    value_tiles(values, head_dim, num_keys, buffers.values, ahead);
    weigh_tiles(buffers.coarse, buffers.fine, buffers.values, head_dim, out);
  }
};

}  // namespace
}  // namespace glmv::kernels
