// Products of packed weights by AMX tiles of 16 rows of activations and 16 outputs. A block of 32
// outputs is turned into operands of a few hundred inputs in the first-level cache and multiplied
// by all rows, whose tiles come from the second level; sums of 32 outputs stay there too.

#include <immintrin.h>

#include <algorithm>

#include "glmv/kernels/impl/avx512_lanes-inl.h"
#include "glmv/kernels/impl/quantize_tiles-inl.h"
#include "glmv/kernels/impl/tile_operands-inl.h"
#include "glmv/kernels/impl/tile_output-inl.h"
#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/impl/vnni_dot-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

// Inputs whose operands lie in the first-level cache: 16 KiB of bytes, 32 KiB of bf16.
constexpr int64_t kBytesAtOnce = 512;
constexpr int64_t kPairsAtOnce = 512;
// Activations that a pass over the weights uses: with operands and sums they fit the second level.
constexpr int64_t kActivationBytes = int64_t{1} << 20;
constexpr int64_t kMaxRowsAtOnce = 512;

// Blocks whose sums are kept while the inputs are taken in turn: with 512 rows 4 MiB.
constexpr int64_t kBlocksAtOnce = 64;

// What rows and inputs one pass takes.
struct Pass {
  int64_t first_row, num_rows;      // multiples of 16
  int64_t first_input, num_inputs;  // multiples of what operands hold but for the last
  bool is_last;                     // of the inputs
};

// Calls work(block, pass, sums) for all blocks and passes; `sums`, of the pass's rows and the
// block, are what the passes over earlier inputs left there (anything at the first).
template <class Work>
void for_passes(int64_t begin, int64_t end, int64_t num_rows, int64_t num_inputs,
                int64_t operand_inputs, int64_t element_bytes, const Work& work) {
  const int64_t rows = (num_rows + 15) / 16 * 16;
  const int64_t row_passes = (rows + kMaxRowsAtOnce - 1) / kMaxRowsAtOnce;
  const int64_t at_once = ((rows + row_passes - 1) / row_passes + 31) / 32 * 32;
  const int64_t operand_bytes = operand_inputs * element_bytes;  // of a row of activations
  const int64_t inputs_at_once =
      std::max<int64_t>(1, kActivationBytes / (at_once * operand_bytes)) * operand_inputs;
  const int64_t kept = num_inputs > inputs_at_once ? std::min(kBlocksAtOnce, end - begin) : 1;
  Lines<float> sums(kept * at_once * kPackRows);
  for (int64_t row = 0; row < rows; row += at_once) {
    for (int64_t first = begin; first < end; first += kept) {
      for (int64_t input = 0; input < num_inputs; input += inputs_at_once) {
        const Pass pass{row, std::min(at_once, rows - row), input,
                        std::min(inputs_at_once, num_inputs - input),
                        input + inputs_at_once >= num_inputs};
        for (int64_t b = first; b < std::min(first + kept, end); ++b) {
          work(b, pass, sums.data() + (b - first) * at_once * kPackRows);
        }
      }
    }
  }
}

// The sums of a block as they are, to put(first row, rows, value(r, half)).
template <class Put>
void put_sums(const Pass& pass, int64_t num_rows, const float* sums, const Put& put) {
  const int64_t rows = std::min(pass.num_rows, num_rows - pass.first_row);
  put(pass.first_row, rows,
      [&](int64_t r, int half) { return _mm512_load_ps(sums + r * kPackRows + 16 * half); });
}

// Tiles 0 to 3 hold the products of two tiles of rows (4, 5) with the two halves of a block (6, 7);
// without kBoth only those of the first.
template <bool kBoth>
void zero_products() {
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kBoth) {
    _tile_zero(2);
    _tile_zero(3);
  }
}

template <bool kBoth>
void store_products(void* to, int64_t stride_bytes) {
  auto* bytes = static_cast<std::byte*>(to);
  _tile_stored(0, bytes, stride_bytes);
  _tile_stored(1, bytes + 64, stride_bytes);
  if constexpr (kBoth) {
    _tile_stored(2, bytes + 16 * stride_bytes, stride_bytes);
    _tile_stored(3, bytes + 16 * stride_bytes + 64, stride_bytes);
  }
}

template <bool kBoth>
void load_products(const void* from, int64_t stride_bytes) {
  const auto* bytes = static_cast<const std::byte*>(from);
  _tile_loadd(0, bytes, stride_bytes);
  _tile_loadd(1, bytes + 64, stride_bytes);
  if constexpr (kBoth) {
    _tile_loadd(2, bytes + 16 * stride_bytes, stride_bytes);
    _tile_loadd(3, bytes + 16 * stride_bytes + 64, stride_bytes);
  }
}

// Where the tiles of the two halves of a block lie, and the lines of each.
struct Halves {
  int64_t second;
  int64_t line;
};
constexpr Halves kInTurn = {64, 128};        // lines as a packed weight of 8 bits has them
constexpr Halves kApart = {kTileBytes, 64};  // tiles one behind the other

// `x`: tiles of the first rows; those of the next 16 rows lie `row_tile_bytes` behind.
template <bool kBoth, bool kBytes>
void multiply_tiles(const std::byte* x, int64_t row_tile_bytes, const std::byte* w,
                    int64_t num_tiles, const Halves& halves = kApart) {
  for (int64_t t = 0; t < num_tiles; ++t, x += kTileBytes, w += 2 * kTileBytes) {
    _tile_loadd(4, x, 64);
    _tile_loadd(6, w, halves.line);
    if constexpr (kBytes) _tile_dpbssd(0, 4, 6);
    if constexpr (!kBytes) _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, w + halves.second, halves.line);
    if constexpr (kBytes) _tile_dpbssd(1, 4, 7);
    if constexpr (!kBytes) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kBoth) {
      _tile_loadd(5, x + row_tile_bytes, 64);
      if constexpr (kBytes) _tile_dpbssd(2, 5, 6);
      if constexpr (!kBytes) _tile_dpbf16ps(2, 5, 6);
      if constexpr (kBytes) _tile_dpbssd(3, 5, 7);
      if constexpr (!kBytes) _tile_dpbf16ps(3, 5, 7);
    }
  }
}

// `to` [16 or 32 rows, 32] = `from` (null: 0) + the products of num_tiles tiles of inputs. The
// vector unit does `meanwhile()` while the tile unit multiplies.
template <bool kBytes, class Sum, class Meanwhile>
void multiply_onto(const std::byte* x, int64_t row_tile_bytes, const std::byte* w,
                   int64_t num_tiles, bool both, const Sum* from, Sum* to,
                   const Meanwhile& meanwhile, const Halves& halves = kApart) {
  constexpr int64_t kLine = 4 * kPackRows;
  const auto run = [&]<bool kBoth>() {
    if (from == nullptr) {
      zero_products<kBoth>();
    } else {
      load_products<kBoth>(from, kLine);
    }
    multiply_tiles<kBoth, kBytes>(x, row_tile_bytes, w, num_tiles, halves);
    meanwhile();
    store_products<kBoth>(to, kLine);
  };
  if (both) {
    run.template operator()<true>();
  } else {
    run.template operator()<false>();
  }
}

// Runs work(first row tile, whether a second one follows) over the rows of a pass.
template <class Work>
void for_row_tiles(int64_t num_rows, const Work& work) {
  for (int64_t row = 0; row < num_rows; row += 32) work(row, row + 16 < num_rows);
}

// sums[r, 32] += products[r, 32] * scale of the row * scale of the output, for up to 32 rows.
void add_scaled(const int32_t* products, const float* x_scales, const std::byte* block, int rows,
                float* sums) {
  const __m512 low = _mm512_loadu_ps(block);
  const __m512 high = _mm512_loadu_ps(block + 64);
  for (int r = 0; r < rows; ++r, products += kPackRows, sums += kPackRows) {
    const __m512 scale = _mm512_set1_ps(x_scales[r]);
    const __m512 a = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(products)), scale);
    const __m512 b = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(products + 16)), scale);
    _mm512_store_ps(sums, _mm512_fmadd_ps(a, low, _mm512_load_ps(sums)));
    _mm512_store_ps(sums + 16, _mm512_fmadd_ps(b, high, _mm512_load_ps(sums + 16)));
  }
}

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
      sums[r * kPackRows + o] += static_cast<float>(128 - zeros[o]) *
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

template <int kBits>
struct Int8Work {
  static constexpr Halves kHalves = kBits == 8 ? kInTurn : kApart;

  const PackedShape& shape;
  const Int8Tiles& x;
  int64_t padded_rows;
  Lines<int8_t> tiles{kBytesAtOnce * kPackRows};
  Lines<int32_t> products{2 * 32 * kPackRows};
  Pieces pieces;
  // Weights of 4 bits that follow go into the second-level cache, some lines with every product:
  // asked for at once they would hold up what the products load. Behind the last weight this reads
  // nothing. Those of 8 bits are a stream that the core itself looks ahead in.
  const std::byte* ahead = nullptr;
  int64_t lines_each = 0;

  void look_ahead(const Pass& pass, int64_t num_inputs) {
    const int64_t num_bytes = num_inputs * kPackRows * kBits / 8 + pieces.count * kPackHeaderBytes;
    const int64_t num_products = pieces.count * ((pass.num_rows + 31) / 32);
    ahead = pieces.items[pieces.count - 1].block + shape.block_bytes();
    lines_each = (num_bytes / 64 + num_products - 1) / num_products;
  }

  // The tiles of x that belong to a row of the pass.
  const std::byte* rows_at(const Pass& pass, int64_t row, int64_t first_input) const {
    return reinterpret_cast<const std::byte*>(x.q) +
           (pass.first_row + row) / 16 * row_tile_bytes() + first_input / kByteInputs * kTileBytes;
  }
  int64_t row_tile_bytes() const { return shape.padded_in() / kByteInputs * kTileBytes; }

  // All pieces times all rows of the pass. The tile unit works on the next products while the
  // vector unit scales the last ones.
  void multiply(const Pass& pass, int64_t first_input, float* sums) {
    struct Waiting {
      const Piece* piece = nullptr;
      int64_t row = 0;
      int rows = 0;
      const int32_t* products = nullptr;
    } last;
    const auto scale_last = [&] {
      if (last.piece == nullptr) return;
      add_scaled(last.products,
                 x.scales + last.piece->group * padded_rows + pass.first_row + last.row,
                 last.piece->block, last.rows, sums + last.row * kPackRows);
    };
    int turn = 0;
    for_row_tiles(pass.num_rows, [&](int64_t row, bool both) {
      const std::byte* rows = rows_at(pass, row, first_input);
      for (int i = 0; i < pieces.count; ++i) {
        const Piece& piece = pieces.items[i];
        const std::byte* a = rows + piece.first_tile * kTileBytes;
        for (int64_t l = 0; kBits == 4 && l < lines_each; ++l, ahead += 64) {
          _mm_prefetch(ahead, _MM_HINT_T1);
        }
        int32_t* to = products.data() + turn * 32 * kPackRows;
        if (both) {
          zero_products<true>();
          multiply_tiles<true, true>(a, row_tile_bytes(), piece.operands, piece.num_tiles, kHalves);
          scale_last();
          store_products<true>(to, 4 * kPackRows);
        } else {
          zero_products<false>();
          multiply_tiles<false, true>(a, row_tile_bytes(), piece.operands, piece.num_tiles,
                                      kHalves);
          scale_last();
          store_products<false>(to, 4 * kPackRows);
        }
        const int64_t rows_left = x.num_rows - pass.first_row - row;
        last = {&piece, row, static_cast<int>(std::min<int64_t>(both ? 32 : 16, rows_left)), to};
        turn ^= 1;
      }
    });
    scale_last();
  }

  // The same with one group: integer sums go on from piece to piece. put(row, rows, sums) gets
  // those of the last one, from another place.
  template <class Put>
  void multiply_whole(const Pass& pass, const std::byte* w, int64_t first_input, int64_t num_inputs,
                      int32_t* sums, bool is_last, const Put& put) {
    int64_t waiting_row = 0;
    int waiting = 0;  // rows
    const int32_t* waiting_sums = nullptr;
    const auto put_waiting = [&] {
      if (waiting > 0) put(waiting_row, waiting, waiting_sums);
    };
    int turn = 0;
    for_row_tiles(pass.num_rows, [&](int64_t row, bool both) {
      int32_t* own = sums + row * kPackRows;
      int32_t* to = is_last ? products.data() + turn * 32 * kPackRows : own;
      multiply_onto<true>(rows_at(pass, row, first_input), row_tile_bytes(), w,
                          num_inputs / kByteInputs, both, first_input == 0 ? nullptr : own, to,
                          put_waiting, kHalves);
      if (!is_last) return;
      waiting_row = row;
      waiting = both ? 32 : 16;
      waiting_sums = to;
      turn ^= 1;
    });
    put_waiting();
  }
};

template <int kBits, class Put>
void byte_block(Int8Work<kBits>& work, const std::byte* row_block, const Pass& pass, float* sums,
                const Put& put) {
  if (pass.first_input == 0) std::fill_n(sums, pass.num_rows * kPackRows, 0.0f);
  for (int64_t done = 0; done < pass.num_inputs; done += kBytesAtOnce) {
    const int64_t n = std::min(kBytesAtOnce, pass.num_inputs - done);
    const int64_t first = pass.first_input + done;
    make_byte_operands<kBits>(work.shape, row_block, first, n, work.tiles.data(), work.pieces);
    work.look_ahead(pass, n);
    work.multiply(pass, first, sums);
  }
  if (kBits == 8) {
    const int64_t group = work.shape.padded_group();
    for (int64_t g = 0; g < work.shape.num_groups(); ++g) {
      // Once for every group, in the pass that begins it.
      if (g * group < pass.first_input || g * group >= pass.first_input + pass.num_inputs) continue;
      const int64_t at = g * work.padded_rows + pass.first_row;
      add_zero_points(row_block + g * work.shape.block_bytes(), work.x.scales + at,
                      work.x.sums + at, pass.num_rows, sums);
    }
  }
  if (pass.is_last) put_sums(pass, work.x.num_rows, sums, put);
}

// One group: integer sums over all inputs, scaled when they are written, with what 8-bit zero
// points other than 128 leave to add.
template <int kBits, class Put>
void whole_block(Int8Work<kBits>& work, const std::byte* row_block, const Pass& pass, int32_t* sums,
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
  const auto put_scaled = [&](int64_t row, int rows, const int32_t* from) {
    const int64_t first = pass.first_row + row;
    const auto scaled = [&](__m512i sum, int64_t r, int half) {
      const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(work.x.scales[first + r]), scales[half]);
      return _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
    };
    const int64_t n = std::min<int64_t>(rows, work.x.num_rows - first);
    if (plain) {
      put(first, n, [&](int64_t r, int half) {
        return scaled(_mm512_load_si512(from + r * kPackRows + 16 * half), r, half);
      });
      return;
    }
    put(first, n, [&](int64_t r, int half) {
      const __m512i sum = _mm512_load_si512(from + r * kPackRows + 16 * half);
      const __m512i of_row = _mm512_set1_epi32(work.x.sums[first + r]);
      return scaled(_mm512_add_epi32(sum, _mm512_mullo_epi32(of_row, missing[half])), r, half);
    });
  };
  for (int64_t done = 0; done < pass.num_inputs; done += kBytesAtOnce) {
    const int64_t n = std::min(kBytesAtOnce, pass.num_inputs - done);
    const int64_t first = pass.first_input + done;
    const std::byte* w = byte_operands<kBits>(row_block, first, n, work.tiles.data());
    work.multiply_whole(pass, w, first, n, sums, pass.is_last && done + n == pass.num_inputs,
                        put_scaled);
  }
}

// Blocks [begin, end), which lie where row_block(b) says; put(b, pass, first row, rows, value(r,
// half)) gets what they give, b in order.
template <int kBits, class RowBlock, class Put>
void int8_blocks(const PackedShape& shape, int64_t begin, int64_t end, const Int8Tiles& x,
                 const RowBlock& row_block, const Put& put) {
  Int8Work<kBits> work{shape, x, (x.num_rows + 15) / 16 * 16};
  for_passes(begin, end, x.num_rows, shape.padded_in(), kBytesAtOnce, 1,
             [&](int64_t b, const Pass& pass, float* sums) {
               const auto put_block = [&](int64_t first, int64_t n, const auto& value) {
                 put(b, pass, first, n, value);
               };
               if (shape.num_groups() == 1) {
                 whole_block<kBits>(work, row_block(b), pass, reinterpret_cast<int32_t*>(sums),
                                    put_block);
               } else {
                 byte_block<kBits>(work, row_block(b), pass, sums, put_block);
               }
             });
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
      [&](int64_t b, const Pass&, int64_t first, int64_t n, const auto& value) {
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
      [&](int64_t b, const Pass& pass, int64_t first, int64_t n, const auto& value) {
        float* gate = gates.data() + (first - pass.first_row) * kPackRows;
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

template <int kBits>
void make_pair_operands(const PackedShape& shape, const std::byte* row_block, int64_t first,
                        int64_t n, uint16_t* tiles) {
  const int64_t group = shape.padded_group();
  for (int64_t done = 0; done < n;) {
    const int64_t in_group = (first + done) % group;
    const int64_t take = std::min(group - in_group, n - done);
    to_pair_tiles<VnniDot, kBits>(row_block + (first + done) / group * shape.block_bytes(),
                                  in_group, take, tiles + done * kPackRows);
    done += take;
  }
}

void tile_bf16(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
               const Bf16Tiles& x, const TileOutput& out) {
  const TileScope scope;
  Lines<uint16_t> tiles(kPairsAtOnce * kPackRows);
  const int64_t row_tile_bytes = shape.padded_in() / kPairInputs * kTileBytes;
  const auto* operand = reinterpret_cast<const std::byte*>(tiles.data());
  const auto multiply_block = [&](int64_t b, const Pass& pass, float* sums) {
    const std::byte* row_block = w + b * shape.row_block_bytes();
    for (int64_t done = 0; done < pass.num_inputs; done += kPairsAtOnce) {
      const int64_t n = std::min(kPairsAtOnce, pass.num_inputs - done);
      const int64_t first = pass.first_input + done;
      if (shape.bits == 4) {
        make_pair_operands<4>(shape, row_block, first, n, tiles.data());
      } else {
        make_pair_operands<8>(shape, row_block, first, n, tiles.data());
      }
      for_row_tiles(pass.num_rows, [&](int64_t row, bool both) {
        const auto* rows = reinterpret_cast<const std::byte*>(x.x) +
                           (pass.first_row + row) / 16 * row_tile_bytes +
                           first / kPairInputs * kTileBytes;
        float* own = sums + row * kPackRows;
        multiply_onto<false>(rows, row_tile_bytes, operand, n / kPairInputs, both,
                             first == 0 ? nullptr : own, own, [] {});
      });
    }
    if (!pass.is_last) return;
    put_sums(pass, x.num_rows, sums, [&](int64_t first, int64_t n, const auto& value) {
      put_rows(shape, b, first, n, out, value);
    });
  };
  for_passes(begin, end, x.num_rows, shape.padded_in(), kPairsAtOnce, 2, multiply_block);
}

}  // namespace

const TileProducts kAmxProducts = {quantize_tiles, tile_int8,   tile_bf16,
                                   kByteInputs,    kPairInputs, tile_int8_gated};

}  // namespace glmv::kernels
