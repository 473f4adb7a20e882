// Products of packed weights and int8 activations by AMX tiles of 16 rows and 16 outputs. A block
// of 32 outputs is turned into operands of a few hundred inputs in the first-level cache and
// multiplied by all rows, whose tiles come from the second level; sums of 32 outputs stay there
// too.

#include <immintrin.h>

#include <algorithm>

#include "glmv/kernels/impl/avx512_lanes-inl.h"
#include "glmv/kernels/impl/quantize_tiles-inl.h"
#include "glmv/kernels/impl/tile_operands-inl.h"
#include "glmv/kernels/impl/tile_output-inl.h"
#include "glmv/kernels/impl/tile_passes-inl.h"
#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

// Inputs whose operands lie in the first-level cache: 16 KiB.
constexpr int64_t kBytesAtOnce = 512;
// 8 bits with zero points other than 128: what is missing is (128 - zero) * sum of the row.
void add_zero_points(const std::byte* block, const float* x_scales, const int32_t* x_sums,
                     int64_t rows, float* sums) {
  const auto* zeros = reinterpret_cast<const uint8_t*>(block) + kPackZeroOffset;
  if (std::all_of(zeros, zeros + kPackRows, [](uint8_t zero) { return zero == 128; })) return;
  float scales[kPackRows];
  _mm512_storeu_ps(scales, _mm512_loadu_ps(block));
  _mm512_storeu_ps(scales + 16, _mm512_loadu_ps(block + 64));
  for (int64_t r = 0; r < rows; ++r) {
    for (int o = 0; o < kPackRows; ++o) {
      sums[sums_at(r, o / 16) + o % 16] += static_cast<float>(128 - zeros[o]) *
                                           static_cast<float>(x_sums[r]) * x_scales[r] * scales[o];
    }
  }
}

// A stretch of inputs of one group, small enough for the operands' buffer.
struct Piece {
  const std::byte* block;  // its header has the scales
  const std::byte* operands;
  int64_t group;
  int64_t first_tile;  // among those of the inputs at once
  int64_t num_tiles;
};

struct Pieces {
  Piece items[kBytesAtOnce / kByteInputs];
  int count = 0;
};

// The pieces of inputs [first, first + n) of a row block; operands of 4 bits into `tiles`, those of
// 8 bits as they lie.
template <int kBits>
void make_byte_operands(const PackedShape& shape, const std::byte* row_block, int64_t first,
                        int64_t n, int8_t* tiles, Pieces& pieces) {
  pieces.count = 0;
  const int64_t group = shape.padded_group();
  for (int64_t done = 0; done < n;) {
    const int64_t g = (first + done) / group;
    const int64_t in_group = (first + done) % group;
    const int64_t take = std::min(group - in_group, n - done);
    const std::byte* block = row_block + g * shape.block_bytes();
    const std::byte* operands =
        byte_operands<kBits>(block, in_group, take, tiles + done * kPackRows);
    pieces.items[pieces.count++] = {block, operands, g, done / kByteInputs, take / kByteInputs};
    done += take;
  }
}

// Products of a piece that wait for their scales: of one or two row tiles.
struct Scaling {
  const int32_t* products = nullptr;
  const std::byte* block = nullptr;
  const float* x_scales = nullptr;  // of the first row
  float* sums = nullptr;
  int64_t row = 0;  // the first, of the pass
  int rows = 0;
  bool is_last = false;  // of a row's pieces

  // sums + products * scale of the row * scale of the output.
  __m512 value(int r, int half, __m512 scale) const {
    const int64_t at = sums_at(r, half);
    const __m512 both = _mm512_mul_ps(scale, _mm512_set1_ps(x_scales[r]));
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(products + at)), both,
                           _mm512_load_ps(sums + at));
  }
  void add(int begin, int end) const {
    const Scaling self = *this;  // what follows stores into sums only
    const __m512 low = _mm512_loadu_ps(block), high = _mm512_loadu_ps(block + 64);
    for (int r = begin; r < end; ++r) {
      const __m512 a = self.value(r, 0, low), b = self.value(r, 1, high);
      _mm512_store_ps(self.sums + sums_at(r, 0), a);
      _mm512_store_ps(self.sums + sums_at(r, 1), b);
    }
  }
};

template <int kBits>
struct Int8Work {
  static constexpr Halves kHalves = kBits == 8 ? kInTurn : kApart;

  const PackedShape& shape;
  const Int8Tiles& x;
  int64_t padded_rows;
  Lines<int8_t> tiles{kBytesAtOnce * kPackRows};
  Lines<int32_t> products{2 * 4 * kTileSums};
  Pieces pieces;
  // Weights of 4 bits that follow go into the second-level cache, some lines with every product:
  // asked for at once they would hold up what the products load. Behind the last weight this reads
  // nothing. Those of 8 bits are a stream that the core itself looks ahead in.
  const std::byte* ahead = nullptr;
  int64_t lines_each = 0;

  void look_ahead(const Job& job) {
    const int64_t num_bytes =
        job.num_inputs * kPackRows * kBits / 8 + pieces.count * kPackHeaderBytes;
    const int64_t num_products = pieces.count * ((job.num_rows + 31) / 32);
    ahead = pieces.items[pieces.count - 1].block + shape.block_bytes();
    lines_each = (num_bytes / 64 + num_products - 1) / num_products;
  }

  // The tiles of x that belong to a row of the job.
  const std::byte* rows_at(const Job& job, int64_t row) const {
    return reinterpret_cast<const std::byte*>(x.q) + (job.first_row + row) / 16 * row_tile_bytes() +
           job.first_input / kByteInputs * kTileBytes;
  }
  int64_t row_tile_bytes() const { return shape.padded_in() / kByteInputs * kTileBytes; }
  // Rows of x among [row, row + rows) of the job.
  int rows_left(const Job& job, int64_t row, int rows) const {
    return static_cast<int>(std::min<int64_t>(rows, x.num_rows - job.first_row - row));
  }

  // All pieces times all rows of the job. The tile unit works on the next products while the
  // vector unit scales the last ones. After the last inputs put(first row, rows, value(r, half))
  // gets the sums.
  template <class Put>
  void multiply(const Job& job, const Put& put) {
    Scaling last;
    const auto scale_last = [&](int part, int parts) {
      do_part(last.rows, part, parts, [&](int begin, int end) {
        if (!last.is_last) return last.add(begin, end);
        const __m512 scales[2] = {_mm512_loadu_ps(last.block), _mm512_loadu_ps(last.block + 64)};
        put(job.first_row + last.row + begin, end - begin, [&](int64_t r, int half) {
          return last.value(begin + static_cast<int>(r), half, scales[half]);
        });
      });
    };
    int turn = 0;
    for_row_tiles(job.num_rows, [&](int64_t row, bool both) {
      const std::byte* rows = rows_at(job, row);
      for (int i = 0; i < pieces.count; ++i) {
        const Piece& piece = pieces.items[i];
        for (int64_t l = 0; kBits == 4 && l < lines_each; ++l, ahead += 64) {
          _mm_prefetch(ahead, _MM_HINT_T1);
        }
        int32_t* to = products.data() + turn * 4 * kTileSums;
        const TileOperands operands = {rows + piece.first_tile * kTileBytes, row_tile_bytes(),
                                       piece.operands, kHalves, piece.num_tiles};
        if (both) {
          multiply_short<true, true>(operands, to, scale_last);
        } else {
          multiply_short<false, true>(operands, to, scale_last);
        }
        last = {to,
                piece.block,
                x.scales + piece.group * padded_rows + job.first_row + row,
                job.sums + row * kPackRows,
                row,
                rows_left(job, row, both ? 32 : 16),
                job.is_last && i == pieces.count - 1};
        turn ^= 1;
      }
    });
    scale_last(0, 1);
  }
};

// Several groups: what their products give is scaled group by group.
template <int kBits, class Put>
void multiply_groups(Int8Work<kBits>& work, const Job& job, const std::byte* row_block,
                     const Put& put) {
  if (job.first_input == 0) {
    std::fill_n(job.sums, job.num_rows * kPackRows, 0.0f);
    for (int64_t g = 0; kBits == 8 && g < work.shape.num_groups(); ++g) {
      const int64_t at = g * work.padded_rows + job.first_row;
      add_zero_points(row_block + g * work.shape.block_bytes(), work.x.scales + at,
                      work.x.sums + at, job.num_rows, job.sums);
    }
  }
  make_byte_operands<kBits>(work.shape, row_block, job.first_input, job.num_inputs,
                            work.tiles.data(), work.pieces);
  work.look_ahead(job);
  work.multiply(job, put);
}

// One group: integer sums over all inputs, scaled when they are written, with what 8-bit zero
// points other than 128 leave to add.
template <int kBits, class Put>
void multiply_whole(Int8Work<kBits>& work, const Job& job, const std::byte* row_block,
                    const Put& put) {
  const __m512 scales[2] = {_mm512_loadu_ps(row_block), _mm512_loadu_ps(row_block + 64)};
  const auto* zeros = reinterpret_cast<const uint8_t*>(row_block) + kPackZeroOffset;
  __m512i missing[2];
  for (int half = 0; half < 2; ++half) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(zeros + 16 * half));
    missing[half] = _mm512_sub_epi32(_mm512_set1_epi32(128), _mm512_cvtepu8_epi32(bytes));
  }
  const bool plain = kBits == 4 || _mm512_test_epi32_mask(_mm512_or_si512(missing[0], missing[1]),
                                                          _mm512_set1_epi32(-1)) == 0;
  const auto put_scaled = [&](int64_t row, int begin, int end, const int32_t* from) {
    const int64_t first = job.first_row + row + begin;
    const int n = work.rows_left(job, row + begin, end - begin);
    const auto scaled = [&](__m512i sum, int64_t r, int half) {
      const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(work.x.scales[first + r]), scales[half]);
      return _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
    };
    if (n <= 0) return;
    if (plain) {
      put(first, n, [&](int64_t r, int half) {
        return scaled(_mm512_load_si512(from + sums_at(begin + r, half)), r, half);
      });
      return;
    }
    put(first, n, [&](int64_t r, int half) {
      const __m512i sum = _mm512_load_si512(from + sums_at(begin + r, half));
      const __m512i of_row = _mm512_set1_epi32(work.x.sums[first + r]);
      return scaled(_mm512_add_epi32(sum, _mm512_mullo_epi32(of_row, missing[half])), r, half);
    });
  };
  const std::byte* w =
      byte_operands<kBits>(row_block, job.first_input, job.num_inputs, work.tiles.data());
  multiply_job<true>(
      job, reinterpret_cast<int32_t*>(job.sums), work.products.data(),
      [&](int64_t row) {
        return TileOperands{work.rows_at(job, row), work.row_tile_bytes(), w, work.kHalves,
                            job.num_inputs / kByteInputs};
      },
      put_scaled, [] {});
}

// Blocks [begin, end), which lie where row_block(b) says; put(b, job, first row, rows, value(r,
// half)) gets what they give, b in order.
template <int kBits, class RowBlock, class Put>
void int8_blocks(const PackedShape& shape, int64_t begin, int64_t end, const Int8Tiles& x,
                 const RowBlock& row_block, const Put& put) {
  Int8Work<kBits> work{shape, x, (x.num_rows + 15) / 16 * 16};
  Jobs jobs(begin, end, x.num_rows, shape.padded_in(), kBytesAtOnce, 1);
  for (Job job; jobs.next(job);) {
    const auto put_block = [&](int64_t first, int64_t n, const auto& value) {
      put(job.block, job, first, n, value);
    };
    if (shape.num_groups() == 1) {
      multiply_whole<kBits>(work, job, row_block(job.block), put_block);
    } else {
      multiply_groups<kBits>(work, job, row_block(job.block), put_block);
    }
  }
}

template <class RowBlock, class Put>
void int8_blocks_of(const PackedShape& shape, int64_t begin, int64_t end, const Int8Tiles& x,
                    const RowBlock& row_block, const Put& put) {
  const TileScope scope;
  if (shape.bits == 4) {
    int8_blocks<4>(shape, begin, end, x, row_block, put);
  } else {
    int8_blocks<8>(shape, begin, end, x, row_block, put);
  }
}

void tile_int8(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
               const Int8Tiles& x, const TileOutput& out) {
  int8_blocks_of(
      shape, begin, end, x, [&](int64_t b) { return w + b * shape.row_block_bytes(); },
      [&](int64_t b, const Job&, int64_t first, int64_t n, const auto& value) {
        put_rows(shape, b, first, n, out, value);
      });
}

// x / (1 + e^-x).
__m512 silu(__m512 x) {
  const __m512 size = _mm512_abs_ps(x);
  const __m512 e = Avx512Lanes::exp2(_mm512_mul_ps(size, _mm512_set1_ps(-kLog2E)));  // 0 to 1
  const __m512 below = _mm512_add_ps(_mm512_set1_ps(1.0f), e);
  __m512 inverse = _mm512_rcp14_ps(below);  // then 28 bits
  inverse = _mm512_mul_ps(inverse, _mm512_fnmadd_ps(below, inverse, _mm512_set1_ps(2.0f)));
  const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
  return _mm512_mul_ps(x, _mm512_mask_mul_ps(inverse, negative, inverse, e));
}

// Gate and up take turns, block by block: what a block of the gate gives waits for that of up.
void tile_int8_gated(const PackedShape& shape, const std::byte* w_gate, const std::byte* w_up,
                     int64_t begin, int64_t end, const Int8Tiles& x, const TileOutput& out) {
  static_assert(kBlocksAtOnce % 2 == 0);
  Lines<float> gates(kMaxRowsAtOnce * kPackRows);
  const TileOutput plain = {out.y, out.is_bf16, out.ldy, nullptr};
  int8_blocks_of(
      shape, 2 * begin, 2 * end, x,
      [&](int64_t b) { return (b % 2 == 0 ? w_gate : w_up) + b / 2 * shape.row_block_bytes(); },
      [&](int64_t b, const Job& job, int64_t first, int64_t n, const auto& value) {
        float* gate = gates.data() + (first - job.first_row) * kPackRows;
        if (b % 2 == 0) {
          for (int64_t r = 0; r < n; ++r) {
            _mm512_store_ps(gate + r * kPackRows, value(r, 0));
            _mm512_store_ps(gate + r * kPackRows + 16, value(r, 1));
          }
          return;
        }
        put_rows(shape, b / 2, first, n, plain, [&](int64_t r, int half) {
          const __m512 of_gate = _mm512_load_ps(gate + r * kPackRows + 16 * half);
          return _mm512_mul_ps(silu(of_gate), value(r, half));
        });
      });
}

}  // namespace

// With fewer stored rows oneDNN, which turns weights into operands as well, is as fast.
const TileProducts kAmxProducts = {quantize_tiles, tile_int8,       tile_pairs, kByteInputs,
                                   kPairInputs,    tile_int8_gated, tile_rows,  64};

}  // namespace glmv::kernels
