#pragma once
// Attention of one query token over bf16 keys and values in blocks by tile products (AMX), for up to 16
// heads at once: scores of 16 keys by 16 heads are one tile. Weights go into the products as two bf16
// numbers each. What does not suit a tile goes the way of attend-inl.h.

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "glmv/kernels/impl/attend-inl.h"
#include "glmv/kernels/impl/avx512_lanes-inl.h"
#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/impl/words512-inl.h"

namespace glmv::kernels {
namespace {

constexpr int kTile = 16;                // rows of a tile, fp32 columns of a result
constexpr int kTilePairs = 2 * kTile;    // bf16 in a row of a tile
constexpr int kMinTileHeads = 4;         // fewer waste most of a tile

// Asks for the keys and values of the next block a few lines at a time, all through the work on this
// one: a core has few places for lines that are on their way, and memory is never idle so.
class Ahead {
 public:
  static constexpr int64_t kLine = 32;  // bf16 of a cache line

  Ahead() = default;
  Ahead(const uint16_t* keys, const uint16_t* values, int64_t size)
      : next_(keys), end_(keys + size), values_(values), size_(size) {}
  void ask(int lines) {
    for (int i = 0; i < lines && next_ < end_; ++i, next_ += kLine) __builtin_prefetch(next_, 0, 2);
    if (next_ < end_ || values_ == nullptr) return;
    next_ = values_;
    end_ = values_ + size_;
    values_ = nullptr;
  }

 private:
  const uint16_t* next_ = nullptr;
  const uint16_t* end_ = nullptr;
  const uint16_t* values_ = nullptr;
  int64_t size_ = 0;
};

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

// bf16 of a in the lower, of b in the upper half of each lane.
__m512i halves(__m512 a, __m512 b) {
  const auto rounded = std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));  // a0..a15 b0..b15
  const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(rounded));
  const __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(rounded, 1));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Weights [64 keys, 16 heads] as the rows of two tiles each, [16 heads, 32 keys]: `coarse` rounded to
// bf16, `fine` what the rounding left. Together they are as good as fp32.
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

// Values [num_keys, head_dim] as pairs of keys, [head_dim / 16][32 pairs][16 dims, 2]; keys behind the
// last are zeros, whatever the memory holds.
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

// What a tile of heads needs beside the cache: stays in the first-level cache.
struct alignas(64) Scratch {
  uint16_t q[kMaxHeadDim * kTile];
  float scores[kMaxBlockTokens * kTile];
  uint16_t coarse[2 * kTile * 32];
  uint16_t fine[2 * kTile * 32];
  uint16_t values[kMaxBlockTokens * kMaxHeadDim];
  float out[kTile * kMaxHeadDim];
};

// Up to 16 heads.
void attend_heads(const PagedHead& kv, int64_t begin, int64_t end, const uint16_t* q, int heads,
                  float scale, float* out, float* max_out, float* sum_out) {
  using V = Avx512Lanes;
  const int64_t head_dim = kv.head_dim;
  Scratch s;
  for (int64_t e = 0; e < head_dim; e += 2) {
    for (int h = 0; h < kTile; ++h) {
      uint32_t pair = 0;
      if (h < heads) std::memcpy(&pair, q + h * head_dim + e, 4);
      std::memcpy(s.q + e * kTile + 2 * h, &pair, 4);
    }
  }
  std::fill(s.out, s.out + kTile * head_dim, 0.0f);
  __m512 top = V::set(kNoScore);  // lane: head
  __m512 total = V::zero();
  const TileScope tiles;
  for (int64_t t = begin; t < end; t += kv.block_tokens) {
    const int64_t num_keys = std::min(kv.block_tokens, end - t);
    const auto* base = static_cast<const uint16_t*>(kv.blocks[t / kv.block_tokens]);
    const uint16_t* values = base + kv.value_offset;
    Ahead ahead;
    if (t + kv.block_tokens < end) {
      const auto* next = static_cast<const uint16_t*>(kv.blocks[t / kv.block_tokens + 1]);
      ahead = Ahead(next + kv.key_offset, next + kv.value_offset, kv.block_tokens * head_dim);
    }
    score_tiles(base + kv.key_offset, head_dim, num_keys, s.q, s.scores, ahead);
    __m512 higher = top;
    for (int64_t k = 0; k < num_keys; ++k) {
      const __m512 score = _mm512_mul_ps(V::load(s.scores + k * kTile), V::set(scale));
      V::store(s.scores + k * kTile, score);
      higher = V::max(score, higher);
      ahead.ask(2);
    }
    if (_mm512_cmp_ps_mask(higher, top, _CMP_NEQ_UQ) != 0) {
      const __m512 factor = V::exp(V::sub(top, higher));
      total = _mm512_mul_ps(total, factor);
      top = higher;
      alignas(64) float factors[kTile];
      V::store(factors, factor);
      for (int h = 0; h < kTile; ++h) {
        for (int64_t e = 0; e < head_dim; e += V::kLanes) {
          float* at = s.out + h * head_dim + e;
          V::store(at, _mm512_mul_ps(V::load(at), V::set(factors[h])));
        }
      }
    }
    for (int64_t k = 0; k < num_keys; ++k) {
      const __m512 p = V::exp(V::sub(V::load(s.scores + k * kTile), top));
      V::store(s.scores + k * kTile, p);
      total = V::add(total, p);
      ahead.ask(2);
    }
    std::fill(s.scores + num_keys * kTile, s.scores + kMaxBlockTokens * kTile, 0.0f);
    weight_tiles(s.scores, s.coarse, s.fine);
    value_tiles(values, head_dim, num_keys, s.values, ahead);
    weigh_tiles(s.coarse, s.fine, s.values, head_dim, s.out);
  }
  std::copy(s.out, s.out + heads * head_dim, out);
  const auto lanes = static_cast<__mmask16>((1u << heads) - 1);
  _mm512_mask_storeu_ps(max_out, lanes, top);
  _mm512_mask_storeu_ps(sum_out, lanes, total);
}

void attend_tiles(const PagedHead& kv, int64_t begin, int64_t end, const void* q_in, int64_t group,
                  float scale, float* out, float* max, float* sum) {
  const auto* q = static_cast<const uint16_t*>(q_in);
  const bool suits = kv.block_tokens == kMaxBlockTokens && kv.head_dim % kTilePairs == 0;
  int64_t h = 0;
  for (; suits && group - h >= kMinTileHeads; h += std::min<int64_t>(kTile, group - h)) {
    attend_heads(kv, begin, end, q + h * kv.head_dim,
                 static_cast<int>(std::min<int64_t>(kTile, group - h)), scale,
                 out + h * kv.head_dim, max + h, sum + h);
  }
  if (h < group) {
    attend_paged<Avx512Lanes, uint16_t>(kv, begin, end, q + h * kv.head_dim, group - h, scale,
                                        out + h * kv.head_dim, max + h, sum + h);
  }
}

}  // namespace
}  // namespace glmv::kernels
