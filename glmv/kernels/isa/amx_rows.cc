// Products of bf16 weights as checkpoints hold them, row after row, by AMX tiles. Rows of the
// weight are the left operand as they lie; rows of activations are the columns of the right one.

#include <immintrin.h>

#include <algorithm>

#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

constexpr int64_t kTileInputs = 32;
constexpr int64_t kTileElements = 512;
constexpr int64_t kOutputs = 32;  // rows of the weight at a time
// Inputs whose operands lie in the first-level cache: 32 KiB.
constexpr int64_t kInputsAtOnce = 512;
// Row tiles whose sums stay in the second level.
constexpr int64_t kRowTilesAtOnce = 32;
// Up to so many row tiles the weights are loaded as they lie; for more, copies that fill whole
// lines of the first-level cache pay.
constexpr int64_t kDirectRowTiles = 4;

// Where the tiles of 32 rows of the weight lie, in elements.
struct Operand {
  const uint16_t* data;
  int64_t second;  // from rows 0-15 to rows 16-31
  int64_t line;    // from row to row
  int64_t step;    // from 32 inputs to the next
};

// Inputs [0, n) of 32 rows as tiles [n / 32][rows 0-15, rows 16-31][16][32]; rows from `rows` on
// are 0.
void copy_rows(const uint16_t* w, int64_t in, int64_t n, int64_t rows, uint16_t* tiles) {
  for (int64_t r = 0; r < kOutputs; ++r) {
    uint16_t* to = tiles + r / 16 * kTileElements + r % 16 * kTileInputs;
    for (int64_t k = 0; k < n; k += kTileInputs, to += 2 * kTileElements) {
      const __m512i line = r < rows ? _mm512_loadu_si512(w + r * in + k) : _mm512_setzero_si512();
      _mm512_storeu_si512(to, line);
    }
  }
}

// Tiles 0 to 3 hold the products of two tiles of outputs (4, 5) with one or two tiles of rows (6,
// 7).
template <bool kBoth>
void multiply(const Operand& operand, const uint16_t* x, int64_t row_tile, int64_t num_tiles,
              float* sums, bool first) {
  constexpr int64_t kLine = 64;
  const int64_t w_line = 2 * operand.line;
  const uint16_t* w = operand.data;
  constexpr int64_t kSums = 256;  // of a tile
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (kBoth) {
      _tile_zero(2);
      _tile_zero(3);
    }
  } else {
    _tile_loadd(0, sums, kLine);
    _tile_loadd(1, sums + kSums, kLine);
    if constexpr (kBoth) {
      _tile_loadd(2, sums + 2 * kSums, kLine);
      _tile_loadd(3, sums + 3 * kSums, kLine);
    }
  }
  for (int64_t t = 0; t < num_tiles; ++t, w += operand.step, x += kTileElements) {
    _tile_loadd(4, w, w_line);
    _tile_loadd(6, x, kLine);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, w + operand.second, w_line);
    _tile_dpbf16ps(1, 5, 6);
    if constexpr (kBoth) {
      _tile_loadd(7, x + row_tile, kLine);
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums, kLine);
  _tile_stored(1, sums + kSums, kLine);
  if constexpr (kBoth) {
    _tile_stored(2, sums + 2 * kSums, kLine);
    _tile_stored(3, sums + 3 * kSums, kLine);
  }
}

// 16 outputs of 16 rows: y[r, o] = sums[o, r].
void store_transposed(const float* sums, float* y, int64_t ldy, int64_t rows, int64_t outputs) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; ++i) a[i] = _mm512_load_ps(sums + 16 * i);
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; ++j) {
      const __m512d u = _mm512_castps_pd(b[i + j]), v = _mm512_castps_pd(b[i + j + 2]);
      a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(u, v));
      a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(u, v));
    }
  }
  // a[4 * q + c]: outputs 4 q to 4 q + 3 of the rows c, 4 + c, 8 + c, 12 + c.
  const auto mask = static_cast<__mmask16>(outputs >= 16 ? 0xffff : (1u << outputs) - 1);
  for (int c = 0; c < 4; ++c) {
    const __m512 low = _mm512_shuffle_f32x4(a[c], a[4 + c], 0x88);      // rows c, 8 + c
    const __m512 low_odd = _mm512_shuffle_f32x4(a[c], a[4 + c], 0xdd);  // rows 4 + c, 12 + c
    const __m512 high = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0x88);
    const __m512 high_odd = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0xdd);
    const __m512 lines[4] = {
        _mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low_odd, high_odd, 0x88),
        _mm512_shuffle_f32x4(low, high, 0xdd), _mm512_shuffle_f32x4(low_odd, high_odd, 0xdd)};
    for (int q = 0; q < 4; ++q) {
      const int r = 4 * q + c;
      if (r < rows) _mm512_mask_storeu_ps(y + r * ldy, mask, lines[q]);
    }
  }
}

void tile_rows_bf16(const uint16_t* w, int64_t begin, int64_t end, int64_t in, const PairTiles& x,
                    float* y, int64_t ldy) {
  const TileScope scope;
  Lines<uint16_t> copies(kInputsAtOnce * kOutputs);
  Lines<float> sums(kRowTilesAtOnce * kOutputs * 16);
  const int64_t row_tiles = (x.num_rows + 15) / 16;
  const int64_t row_tile = 16 * in;  // elements
  for (int64_t o = begin; o < end; o += kOutputs) {
    const int64_t outputs = std::min(kOutputs, end - o);
    const bool direct = row_tiles <= kDirectRowTiles && outputs == kOutputs;
    const int64_t inputs_at_once = direct ? in : kInputsAtOnce;
    for (int64_t tile = 0; tile < row_tiles; tile += kRowTilesAtOnce) {
      const int64_t num = std::min(kRowTilesAtOnce, row_tiles - tile);
      for (int64_t k = 0; k < in; k += inputs_at_once) {
        const int64_t n = std::min(inputs_at_once, in - k);
        Operand operand = {w + o * in, 16 * in, in, kTileInputs};
        if (!direct) {
          copy_rows(w + o * in + k, in, n, outputs, copies.data());
          operand = {copies.data(), kTileElements, kTileInputs, 2 * kTileElements};
        }
        for (int64_t t = 0; t < num; t += 2) {
          const uint16_t* rows = x.x + (tile + t) * row_tile + k * 16;
          float* to = sums.data() + t * kOutputs * 16;
          if (t + 1 < num) {
            multiply<true>(operand, rows, row_tile, n / kTileInputs, to, k == 0);
          } else {
            multiply<false>(operand, rows, row_tile, n / kTileInputs, to, k == 0);
          }
        }
      }
      for (int64_t t = 0; t < num; ++t) {
        const float* of_tile = sums.data() + t * kOutputs * 16;
        const int64_t first = (tile + t) * 16;
        for (int64_t h = 0; 16 * h < outputs; ++h) {
          store_transposed(of_tile + h * 256, y + first * ldy + (o - begin) + 16 * h, ldy,
                           std::min<int64_t>(16, x.num_rows - first), outputs - 16 * h);
        }
      }
    }
  }
}

}  // namespace

const TileRowsBf16 kAmxRowsBf16 = tile_rows_bf16;

}  // namespace glmv::kernels
