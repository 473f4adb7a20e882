// Products of packed weights with few rows by AMX tiles, at the speed of memory: the weights pass
// through once. A block of 32 outputs and one group of inputs at a time becomes operands in the
// first-level cache, times up to 16 rows; the tile unit multiplies a group while the vector unit
// makes the operands of the next one and scales the products of the last one.

#include <immintrin.h>

#include <algorithm>

#include "glmv/kernels/impl/tile_operands-inl.h"
#include "glmv/kernels/impl/tile_output-inl.h"
#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/impl/vnni_dot-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

// How far ahead of its use a weight is fetched, into the second level: the first has no room for as
// many lines under way as a piece asks for at once.
constexpr int64_t kFewAheadBytes = 4608;
// Inputs that become operands at once: bytes or bf16 of 32 outputs, 4 or 8 KiB.
constexpr int64_t kStretch = 128;

void fetch_ahead(const std::byte* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p) + kFewAheadBytes, _MM_HINT_T1);
}

void fetch_header(const std::byte* block) {
  for (int64_t i = 0; i < kPackHeaderBytes; i += 64) fetch_ahead(block + i);
}

// sums[r, 32] += value(r, half) * scale of the output.
template <class Value>
void add_scaled(const std::byte* block, int num_rows, float* sums, const Value& value) {
  const __m512 scales[2] = {_mm512_loadu_ps(block), _mm512_loadu_ps(block + 64)};
  for (int r = 0; r < num_rows; ++r) {
    for (int half = 0; half < 2; ++half) {
      float* at = sums + r * kPackRows + 16 * half;
      _mm512_store_ps(at, _mm512_fmadd_ps(value(r, half), scales[half], _mm512_load_ps(at)));
    }
  }
}

// The zero points of a half of a block.
__m512i zero_points(const std::byte* block, int half) {
  return _mm512_cvtepu8_epi32(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + kPackZeroOffset + 16 * half)));
}

// Inputs of one group that become operands at once.
struct Piece {
  const std::byte* block;
  int64_t group;
  int64_t first;  // input of the group
  int64_t num_inputs;
  bool last;  // of the group
  int turn;   // which of two memories holds its operands
};

// The pieces of the row blocks from `begin` on, in turn.
class Pieces {
 public:
  Pieces(const PackedShape& shape, const std::byte* w, int64_t begin)
      : inputs_(shape.padded_group()),
        groups_(shape.num_groups()),
        block_bytes_(shape.block_bytes()),
        block_(w + begin * shape.row_block_bytes()) {}

  Piece next() {
    const int64_t n = std::min(kStretch, inputs_ - first_);
    const Piece piece{block_, group_, first_, n, first_ + n == inputs_, turn_};
    turn_ ^= 1;
    first_ += n;
    if (piece.last) {
      first_ = 0;
      block_ += block_bytes_;  // the groups of a row block and the row blocks lie end to end
      group_ = group_ + 1 == groups_ ? 0 : group_ + 1;
    }
    return piece;
  }

 private:
  int64_t inputs_, groups_, block_bytes_;
  const std::byte* block_;
  int64_t group_ = 0, first_ = 0;
  int turn_ = 0;
};

// Runs over all groups of the row blocks [begin, end):
//   kernel.make_operands(piece)
//   kernel.multiply(piece)                      adds to the tiles 0 and 1
//   kernel.scale(block, group, products, sums)  adds the products of a group to the sums
// Operands are made one piece ahead: a tile cannot be loaded before the stores to its memory are
// done. The products of a group are asked for before those of the last one are scaled.
template <class Kernel>
void for_groups(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                int num_rows, const TileOutput& out, const Kernel& kernel) {
  using Product = typename Kernel::Product;
  if (begin >= end) return;
  Lines<float> sums(16 * kPackRows);
  Lines<Product> products(2 * 16 * kPackRows);
  const int64_t groups = shape.num_groups();
  const int64_t pieces_per_block = groups * ((shape.padded_group() + kStretch - 1) / kStretch);
  Pieces pieces(shape, w, begin);
  Piece next = pieces.next();
  kernel.make_operands(next);
  for (int64_t b = begin; b < end; ++b) {
    std::fill_n(sums.data(), num_rows * kPackRows, 0.0f);
    const auto products_of = [&](int64_t g) { return products.data() + g % 2 * 16 * kPackRows; };
    Piece piece = next;
    for (int64_t i = 0; i < pieces_per_block; ++i) {
      piece = next;
      if (i + 1 < pieces_per_block || b + 1 < end) {
        next = pieces.next();
        kernel.make_operands(next);
      }
      if (piece.first == 0) {
        _tile_zero(0);
        _tile_zero(1);
      }
      kernel.multiply(piece);
      if (!piece.last) continue;
      const int64_t g = piece.group;
      if (g > 0) {
        kernel.scale(piece.block - shape.block_bytes(), g - 1, products_of(g - 1), sums.data());
      }
      _tile_stored(0, products_of(g), 4 * kPackRows);
      _tile_stored(1, products_of(g) + 16, 4 * kPackRows);
    }
    kernel.scale(piece.block, groups - 1, products_of(groups - 1), sums.data());
    put_rows(shape, b, 0, num_rows, out, [&](int64_t r, int half) {
      return _mm512_load_ps(sums.data() + r * kPackRows + 16 * half);
    });
  }
}

// Two lines of a tile, each of 4 inputs of 16 outputs, from a step of 8 nibbles; unsigned.
inline void to_byte_lines(const std::byte* step, int8_t* to) {
  const __m512i mask = _mm512_set1_epi8(15);
  const __m512i w = _mm512_loadu_si512(step);
  _mm512_store_si512(to, _mm512_and_si512(w, mask));
  _mm512_store_si512(to + 64, _mm512_and_si512(_mm512_srli_epi16(w, 4), mask));
}

template <int kBits>
struct Int8Kernel {
  using Product = int32_t;
  const PackedShape& shape;
  const Int8Tiles& x;
  mutable Lines<int8_t> operands{2 * kStretch * kPackRows};

  void make_operands(const Piece& piece) const {
    const std::byte* steps = steps_of(piece);
    if (piece.first == 0) fetch_header(piece.block);
    if constexpr (kBits == 8) {
      for (int64_t line = 0; line < piece.num_inputs / 2; ++line) fetch_ahead(steps + 64 * line);
    } else {
      int8_t* out = operands.data() + piece.turn * kStretch * kPackRows;
      for (int64_t t = 0; t < piece.num_inputs / kByteInputs; ++t, out += kTileBytes) {
#pragma GCC unroll 4
        for (int line = 0; line < 16; line += 2, steps += 128, out += 128) {
          fetch_ahead(steps);
          fetch_ahead(steps + 64);
          to_byte_lines(steps, out);
          to_byte_lines(steps + 64, out + kTileBytes);
        }
      }
    }
  }

  void multiply(const Piece& piece) const {
    // 8 bits: tiles of weights as they lie, 16 lines, 128 bytes apart.
    constexpr int64_t kLine = kBits == 8 ? 128 : 64;
    constexpr int64_t kOther = kBits == 8 ? 64 : kTileBytes;
    const auto* w = kBits == 8 ? steps_of(piece)
                               : reinterpret_cast<const std::byte*>(
                                     operands.data() + piece.turn * kStretch * kPackRows);
    const int8_t* rows =
        x.q + (piece.group * shape.padded_group() + piece.first) / kByteInputs * kTileBytes;
    for (int64_t t = 0; t < piece.num_inputs / kByteInputs; ++t) {
      _tile_loadd(4, rows, 64);
      _tile_loadd(6, w, kLine);
      _tile_loadd(7, w + kOther, kLine);
      if constexpr (kBits == 8) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
      } else {
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
      }
      rows += kTileBytes;
      w += 2 * kTileBytes;
    }
  }

  const std::byte* steps_of(const Piece& piece) const {
    return piece.block + kPackHeaderBytes + piece.first / (32 / kBits) * 128;
  }

  void scale(const std::byte* block, int64_t group, const int32_t* products, float* sums) const {
    const float* scales = x.scales + group * 16;
    const int32_t* row_sums = x.sums + group * 16;
    // 8 bits: bytes are stored less 128.
    const __m512i shift = _mm512_set1_epi32(kBits == 8 ? 128 : 0);
    const __m512i zeros[2] = {_mm512_sub_epi32(zero_points(block, 0), shift),
                              _mm512_sub_epi32(zero_points(block, 1), shift)};
    const __m512 float_zeros[2] = {_mm512_cvtepi32_ps(zeros[0]), _mm512_cvtepi32_ps(zeros[1])};
    add_scaled(block, static_cast<int>(x.num_rows), sums, [&](int r, int half) {
      const __m512i all = _mm512_load_si512(products + r * kPackRows + 16 * half);
      if constexpr (kBits == 4) {
        // Below 2^24 (kMaxFewRowsGroup): floats are exact.
        const __m512 centred =
            _mm512_fnmadd_ps(float_zeros[half], _mm512_set1_ps(static_cast<float>(row_sums[r])),
                             _mm512_cvtepi32_ps(all));
        return _mm512_mul_ps(centred, _mm512_set1_ps(scales[r]));
      } else {
        const __m512i centred =
            _mm512_sub_epi32(all, _mm512_mullo_epi32(zeros[half], _mm512_set1_epi32(row_sums[r])));
        return _mm512_mul_ps(_mm512_cvtepi32_ps(centred), _mm512_set1_ps(scales[r]));
      }
    });
  }
};

void few_int8(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
              const Int8Tiles& x, const TileOutput& out) {
  const TileScope scope(static_cast<int>(x.num_rows));
  if (shape.bits == 4) {
    const Int8Kernel<4> kernel{shape, x};
    for_groups(shape, w, begin, end, static_cast<int>(x.num_rows), out, kernel);
  } else {
    const Int8Kernel<8> kernel{shape, x};
    for_groups(shape, w, begin, end, static_cast<int>(x.num_rows), out, kernel);
  }
}

// q of 4 bits as bf16, twice: the index of a word has five bits, of which the upper one is noise.
alignas(64) constexpr uint16_t kNibbles[32] = {
    0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0, 0x4100, 0x4110, 0x4120,
    0x4130, 0x4140, 0x4150, 0x4160, 0x4170, 0x0000, 0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0,
    0x40c0, 0x40e0, 0x4100, 0x4110, 0x4120, 0x4130, 0x4140, 0x4150, 0x4160, 0x4170};

// The first or last two bytes of every lane as words, whose upper halves are noise.
__m512i bytes_to_words(__m512i w, bool last) {
  const int bytes = last ? 0x03030202 : 0x01010000;
  return _mm512_shuffle_epi8(
      w, _mm512_add_epi8(_mm512_set1_epi32(bytes),
                         _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0)));
}

// Four lines of a tile, each of two inputs of 16 outputs, from a step of 8 nibbles, exactly.
inline void to_pair_lines4(const std::byte* step, uint16_t* to) {
  const __m512i table = _mm512_load_si512(kNibbles);
  const __m512i w = _mm512_loadu_si512(step);
  const __m512i first = bytes_to_words(w, false), last = bytes_to_words(w, true);
  _mm512_store_si512(to, _mm512_permutexvar_epi16(first, table));
  _mm512_store_si512(to + 32, _mm512_permutexvar_epi16(last, table));
  _mm512_store_si512(to + 64, _mm512_permutexvar_epi16(_mm512_srli_epi16(first, 4), table));
  _mm512_store_si512(to + 96, _mm512_permutexvar_epi16(_mm512_srli_epi16(last, 4), table));
}

// Two lines from a step of 4 signed bytes, exactly.
inline void to_pair_lines8(const std::byte* step, uint16_t* to) {
  const __m512i w = _mm512_loadu_si512(step);
  const auto value = [&](int j) {
    return _mm512_castps_si512(
        _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(w, 24 - 8 * j), 24)));
  };
  const auto pair = [](__m512i a, __m512i b) {
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(a, 16), b);
  };
  _mm512_store_si512(to, pair(value(0), value(1)));
  _mm512_store_si512(to + 32, pair(value(2), value(3)));
}

template <int kBits>
struct Bf16Kernel {
  using Product = float;
  static constexpr int64_t kTile = kTileBytes / 2;
  const PackedShape& shape;
  const Bf16Tiles& x;
  mutable Lines<uint16_t> operands{2 * kStretch * kPackRows};

  void make_operands(const Piece& piece) const {
    constexpr int kLines = 16 / kBits;  // of a step
    const std::byte* steps = piece.block + kPackHeaderBytes + piece.first / (32 / kBits) * 128;
    if (piece.first == 0) fetch_header(piece.block);
    uint16_t* out = operands.data() + piece.turn * kStretch * kPackRows;
    for (int64_t t = 0; t < piece.num_inputs / kPairInputs; ++t, out += kTile) {
#pragma GCC unroll 2
      for (int line = 0; line < 16; line += kLines, steps += 128, out += 32 * kLines) {
        fetch_ahead(steps);
        fetch_ahead(steps + 64);
        if constexpr (kBits == 4) {
          to_pair_lines4(steps, out);
          to_pair_lines4(steps + 64, out + kTile);
        } else {
          to_pair_lines8(steps, out);
          to_pair_lines8(steps + 64, out + kTile);
        }
      }
    }
  }

  void multiply(const Piece& piece) const {
    const uint16_t* w = operands.data() + piece.turn * kStretch * kPackRows;
    const uint16_t* rows =
        x.x + (piece.group * shape.padded_group() + piece.first) / kPairInputs * kTile;
    for (int64_t t = 0; t < piece.num_inputs / kPairInputs; ++t) {
      _tile_loadd(4, rows, 64);
      _tile_loadd(6, w, 64);
      _tile_loadd(7, w + kTile, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      rows += kTile;
      w += 2 * kTile;
    }
  }

  void scale(const std::byte* block, int64_t group, const float* products, float* sums) const {
    const __m512 shift = _mm512_set1_ps(kBits == 8 ? 128.0f : 0.0f);
    const __m512 zeros[2] = {_mm512_sub_ps(_mm512_cvtepi32_ps(zero_points(block, 0)), shift),
                             _mm512_sub_ps(_mm512_cvtepi32_ps(zero_points(block, 1)), shift)};
    const float* row_sums = x.sums + group * 16;
    add_scaled(block, static_cast<int>(x.num_rows), sums, [&](int r, int half) {
      const __m512 all = _mm512_load_ps(products + r * kPackRows + 16 * half);
      return _mm512_fnmadd_ps(zeros[half], _mm512_set1_ps(row_sums[r]), all);
    });
  }
};

void few_bf16(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
              const Bf16Tiles& x, const TileOutput& out) {
  const TileScope scope(static_cast<int>(x.num_rows));
  if (shape.bits == 4) {
    const Bf16Kernel<4> kernel{shape, x};
    for_groups(shape, w, begin, end, static_cast<int>(x.num_rows), out, kernel);
  } else {
    const Bf16Kernel<8> kernel{shape, x};
    for_groups(shape, w, begin, end, static_cast<int>(x.num_rows), out, kernel);
  }
}

}  // namespace

// One or two rows are at the speed of memory by vectors.
const FewRowProducts kAmxFewRows = {few_int8, few_bf16, 3};

}  // namespace glmv::kernels
