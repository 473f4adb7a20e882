#pragma once
// Products of weights with many rows (TileProducts) by vectors. A block of 32 outputs is
// unpacked once, a few hundred inputs at a time, into operands in the first-level cache and
// multiplied by all rows, a register tile of sums at a time. `V` is the type of packed-inl.h;
// integer products have these too (`D`):
//   D::Int, D::kLanes           a register of 32-bit lanes
//   D::kRows, D::kVectors       the register tile: rows (4 or 8), registers of outputs
//   D::kPlanes<bits>            parts of 4 bits that a weight is multiplied in, or 1: whole bytes
//   D::kStepsAtOnce             steps of 4 inputs before partial sums would overflow
//   D::kSumsAreWide            partial sums are the sums themselves
//   D::begin(sums), D::dot(partial, w, x), D::end<plane>(partial, sums)   partial sums, into `sums`
// The integer sums, and their order behind that, are those of packed-inl.h: results are equal bit
// for bit. Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "glmv/kernels/impl/lines-inl.h"
#include "glmv/kernels/impl/packed-inl.h"
#include "glmv/kernels/impl/panel-inl.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::kernels {
namespace {

constexpr int kTileRows = 16;    // of activations
constexpr int kLineInputs = 64;  // int8 of a row of a tile
constexpr int kLineSteps = kLineInputs / 4;
// Several blocks use the activations of one stretch of inputs in turn: from the second on these
// come from the second-level cache, where all sums of a pass lie too.
constexpr int64_t kBlocksAtOnce = 4;
constexpr int64_t kRowsOfPass = 240;  // whole tiles of every kind
constexpr int64_t kSumsOfBlock = kRowsOfPass * kPackRows;
constexpr int64_t kByteInputs = 512;  // unpacked at once: 16 KiB of a block
constexpr int64_t kWordSteps = 128;   // the same, in words of bf16 products
constexpr int64_t kSmallGroup = 256;  // whose sums of activations fit 16 bits

// A stretch of inputs of one group.
struct Stretch {
  const uint8_t* block;  // header and weights of the group
  int64_t group;
  int64_t in_group;  // its first input
  int64_t size;
  bool ends_group;
};

// Calls work(stretch) for inputs [first, first + n) of a row block.
template <class Work>
void for_stretches(const PackedShape& shape, const uint8_t* row_block, int64_t first, int64_t n,
                   const Work& work) {
  const int64_t group = shape.padded_group();
  for (int64_t at = first; at < first + n;) {
    const int64_t g = at / group;
    const int64_t size = std::min((g + 1) * group, first + n) - at;
    work(Stretch{row_block + g * shape.block_bytes(), g, at - g * group, size,
                 at + size == (g + 1) * group});
    at += size;
  }
}

// What one pass computes: rows [first_row, first_row + num_rows) of up to kBlocksAtOnce blocks.
struct BlockPass {
  int64_t first_block;
  int64_t num_blocks;
  int64_t first_row;
  int64_t num_rows;
};

// The first n of 16 outputs at element `at` of the rows.
template <class V>
void store_outputs(const TileOutput& out, int64_t at, typename V::Float value, int n) {
  if (n <= 0) return;
  if (!out.is_bf16) return V::store(static_cast<float*>(out.y) + at, value, n);
  uint16_t* y = static_cast<uint16_t*>(out.y) + at;
  if (n >= 16) return V::store_bf16(y, value);
  uint16_t words[16];
  V::store_bf16(words, value);
  std::memcpy(y, words, n * sizeof *words);
}

// `results`: [blocks][kRowsOfPass][32]. `column`: the first output of the pass, of which `valid`
// exist.
template <class V>
void store_results(const BlockPass& pass, const float* results, const TileOutput& out,
                   int64_t column, int64_t valid) {
  for (int64_t b = 0; b < pass.num_blocks; ++b, valid -= kPackRows, column += kPackRows) {
    const auto n = static_cast<int>(std::min<int64_t>(valid, kPackRows));
    float bias[kPackRows] = {};
    if (out.bias != nullptr) std::copy_n(out.bias + column, n, bias);
    for (int64_t r = 0; r < pass.num_rows; ++r) {
      const int64_t at = (pass.first_row + r) * out.ldy + column;
      const float* from = results + b * kSumsOfBlock + r * kPackRows;
      for (int h = 0; h < kPackRows; h += 16) {
        store_outputs<V>(out, at + h, V::add(V::load_floats(from + h), V::load_floats(bias + h)),
                         n - h);
      }
    }
  }
}

template <class V, class D, int kBits>
class IntegerRows {
 public:
  IntegerRows(const PackedShape& shape, const std::byte* w, const Int8Tiles& x)
      : shape_(shape),
        w_(reinterpret_cast<const uint8_t*>(w)),
        x_(x),
        padded_rows_((x.num_rows + kTileRows - 1) / kTileRows * kTileRows) {}

  // Into results().
  void run(const BlockPass& pass) {
    std::fill_n(results_.data(), pass.num_blocks * kSumsOfBlock, 0.0f);
    const int64_t inputs = shape_.padded_in();
    for (int64_t input = 0; input < inputs; input += kByteInputs) {
      const int64_t size = std::min(kByteInputs, inputs - input);
      for (int64_t b = 0; b < pass.num_blocks; ++b) {
        const uint8_t* row_block = w_ + (pass.first_block + b) * shape_.row_block_bytes();
        for_stretches(shape_, row_block, input, size, [&](const Stretch& stretch) {
          unpack(stretch, stretch.group * shape_.padded_group() + stretch.in_group - input);
        });
        for (int64_t row = 0; row < pass.num_rows; row += D::kRows) {
          const int64_t sums = b * kSumsOfBlock + row * kPackRows;
          for_stretches(shape_, row_block, input, size, [&](const Stretch& stretch) {
            multiply(stretch, pass.first_row + row,
                     stretch.group * shape_.padded_group() + stretch.in_group - input,
                     sums_.data() + sums, results_.data() + sums);
          });
        }
      }
    }
  }
  const float* results() { return results_.data(); }

 private:
  static constexpr int kPlanes = D::template kPlanes<kBits>;
  static constexpr int kPanel = D::kVectors * D::kLanes;  // outputs
  static constexpr int kPanels = kPackRows / kPanel;
  static constexpr int64_t kPanelBytes = kByteInputs * kPanel;

  // Where the steps of inputs [at, ...) of a panel begin.
  uint8_t* panel(int plane, int p, int64_t at) {
    return operands_.data() + (plane * kPanels + p) * kPanelBytes + at * kPanel;
  }

  void unpack(const Stretch& stretch, int64_t at) {
    constexpr int kHalves = 2 / kPanels;  // halves of a block in a panel
    constexpr int kInputs = 32 / kBits;
    for (int h = 0; h < 2; ++h) {
      const uint8_t* steps =
          stretch.block + kPackHeaderBytes + 64 * h + stretch.in_group / kInputs * 128;
      const auto put = [&](int plane, int64_t k, typename V::Int w) {
        uint8_t* to = panel(plane, h / kHalves, at + k) + h % kHalves * 64;
        V::store_words(reinterpret_cast<uint16_t*>(to), w);
      };
      for (int64_t k = 0; k < stretch.size; k += kInputs, steps += 128) {
        const typename V::Int w = load_steps<V, kBits>(steps);
        if constexpr (kBits == 4) {
          put(0, k, V::low(w));
          put(0, k + 4, V::high(w));
        } else if constexpr (kPlanes == 2) {
          put(0, k, V::low(w));
          put(1, k, V::high(w));
        } else {
          put(0, k, w);
        }
      }
    }
  }

  // D::kRows rows from `row` on times a stretch, whose operands begin at `at`.
  void multiply(const Stretch& stretch, int64_t row, int64_t at, int32_t* sums, float* results) {
    const int64_t meta = stretch.group * padded_rows_ + row;
    const int8_t* x =
        x_.q + row / kTileRows * kTileRows * shape_.padded_in() + row % kTileRows * kLineInputs;
    if constexpr (std::is_same_v<typename D::Int, typename V::Int> && kPlanes == 1 &&
                  D::kSumsAreWide) {
      static_assert(kPanels == 1 && D::kVectors == 2);
      if (stretch.size == shape_.padded_group() && stretch.size <= kSmallGroup) {
        return whole_group(stretch, x, panel(0, 0, at), meta, results);
      }
    }
    if (stretch.in_group == 0) begin_group(stretch.block, x_.sums + meta, sums);
    const int64_t input = stretch.group * shape_.padded_group() + stretch.in_group;
    for (int p = 0; p < kPanels; ++p) {
      for (int64_t k = 0; k < stretch.size; k += 4 * D::kStepsAtOnce) {
        const int64_t steps = std::min<int64_t>(D::kStepsAtOnce, (stretch.size - k) / 4);
        add_dots<0>(panel(0, p, at + k), x, input + k, steps, sums + p * kPanel);
        if constexpr (kPlanes == 2) {
          add_dots<1>(panel(1, p, at + k), x, input + k, steps, sums + p * kPanel);
        }
      }
    }
    if (stretch.ends_group) end_group(stretch.block, x_.scales + meta, sums, results);
  }

  using Partial = typename D::Int[D::kRows][D::kVectors];

  // One step of 4 inputs; `x` is that of the first row.
  static inline __attribute__((always_inline)) void dot(const uint8_t* w, const int8_t* x,
                                                        Partial& partial) {
    typename D::Int columns[D::kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < D::kVectors; ++v) columns[v] = D::load(w + v * 4 * D::kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < D::kRows; ++r) {
      const typename D::Int a = D::set(four_bytes(x + r * kLineInputs));
#pragma GCC unroll 4
      for (int v = 0; v < D::kVectors; ++v) partial[r][v] = D::dot(partial[r][v], columns[v], a);
    }
  }

  // partial += steps from `input` on; `x` is the first row of a tile at its first input.
  static inline __attribute__((always_inline)) void dots(const uint8_t* w, const int8_t* x,
                                                         int64_t input, int64_t steps,
                                                         Partial& partial) {
    for (int64_t step = input / 4, end = input / 4 + steps; step < end;) {
      const int8_t* from = x + step / kLineSteps * kLineInputs * kTileRows + step % kLineSteps * 4;
      const int64_t n = std::min(end, (step / kLineSteps + 1) * kLineSteps) - step;
      step += n;
      // Four at a time: counting takes the units that multiply.
      int64_t i = 0;
      for (; i + 4 <= n; i += 4, from += 16, w += 16 * kPanel) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) dot(w + 4 * kPanel * j, from + 4 * j, partial);
      }
      for (; i < n; ++i, from += 4, w += 4 * kPanel) dot(w, from, partial);
    }
  }

  // The same, added to sums in memory.
  template <int kPlane>
  static void add_dots(const uint8_t* w, const int8_t* x, int64_t input, int64_t steps,
                       int32_t* sums) {
    Partial partial;
#pragma GCC unroll 8
    for (int r = 0; r < D::kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < D::kVectors; ++v) {
        partial[r][v] = D::begin(sums + r * kPackRows + v * D::kLanes);
      }
    }
    dots(w, x, input, steps, partial);
#pragma GCC unroll 8
    for (int r = 0; r < D::kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < D::kVectors; ++v) {
        D::template end<kPlane>(partial[r][v], sums + r * kPackRows + v * D::kLanes);
      }
    }
  }

  // A whole group at once: its sums stay in registers from the zero points to the scales.
  void whole_group(const Stretch& stretch, const int8_t* x, const uint8_t* w, int64_t meta,
                   float* results) const {
    typename V::Int zero[2];
    typename V::Float scale[2];
    for (int h = 0; h < 2; ++h) {
      zero[h] = V::load_bytes(stretch.block + kPackZeroOffset + 16 * h);
      scale[h] = V::load_floats(stretch.block + 64 * h);
    }
    Partial partial;
#pragma GCC unroll 8
    for (int r = 0; r < D::kRows; ++r) {
      const typename V::Int less = V::set(-x_.sums[meta + r] & 0xffff);
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) partial[r][h] = V::mul_words(zero[h], less);
    }
    dots(w, x, stretch.group * shape_.padded_group(), stretch.size / 4, partial);
#pragma GCC unroll 8
    for (int r = 0; r < D::kRows; ++r) {
      const typename V::Float x_scale = V::set(x_.scales[meta + r]);
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        float* to = results + r * kPackRows + 16 * h;
        const typename V::Float scaled = V::mul(V::to_float(partial[r][h]), x_scale);
        V::store(to, V::mul_add(scaled, scale[h], V::load_floats(to)), 16);
      }
    }
  }

  // What the zero points take away.
  void begin_group(const uint8_t* block, const int32_t* x_sums, int32_t* sums) const {
    const bool small = shape_.padded_group() <= kSmallGroup;
    for (int h = 0; h < 2; ++h) {
      const typename V::Int zero = V::load_bytes(block + kPackZeroOffset + 16 * h);
      for (int r = 0; r < D::kRows; ++r) {
        const int32_t less = -x_sums[r];
        const typename V::Int start =
            small ? V::mul_words(zero, V::set(less & 0xffff)) : V::mul_int(zero, V::set(less));
        V::store_words(reinterpret_cast<uint16_t*>(sums + r * kPackRows + 16 * h), start);
      }
    }
  }

  void end_group(const uint8_t* block, const float* x_scales, const int32_t* sums,
                 float* results) const {
    for (int h = 0; h < 2; ++h) {
      const typename V::Float scale = V::load_floats(block + 64 * h);
      for (int r = 0; r < D::kRows; ++r) {
        const auto* at = reinterpret_cast<const uint8_t*>(sums + r * kPackRows + 16 * h);
        float* to = results + r * kPackRows + 16 * h;
        const typename V::Float scaled = V::mul(V::to_float(V::load(at)), V::set(x_scales[r]));
        V::store(to, V::mul_add(scaled, scale, V::load_floats(to)), 16);
      }
    }
  }

  const PackedShape& shape_;
  const uint8_t* w_;
  const Int8Tiles& x_;
  const int64_t padded_rows_;
  Lines<uint8_t> operands_{kPlanes * kByteInputs * kPackRows};  // [plane][panel][steps][outputs][4]
  Lines<int32_t> sums_{kBlocksAtOnce * kSumsOfBlock};           // of the group, as the results
  Lines<float> results_{kBlocksAtOnce * kSumsOfBlock};          // [blocks][rows][32]
};

// All passes of blocks [begin, end) of `num_outputs` outputs.
template <class V, class Work>
void for_passes(int64_t num_outputs, int64_t begin, int64_t end, int64_t num_rows,
                const TileOutput& out, Work& work) {
  for (int64_t b = begin; b < end; b += kBlocksAtOnce) {
    for (int64_t row = 0; row < num_rows; row += kRowsOfPass) {
      const BlockPass pass = {b, std::min(kBlocksAtOnce, end - b), row,
                              std::min(kRowsOfPass, num_rows - row)};
      work.run(pass);
      store_results<V>(pass, work.results(), out, b * kPackRows, num_outputs - b * kPackRows);
    }
  }
}

template <class V, class D>
void many_rows_int8(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                    const Int8Tiles& x, const TileOutput& out) {
  if (shape.bits == 4) {
    IntegerRows<V, D, 4> rows(shape, w, x);
    for_passes<V>(shape.out, begin, end, x.num_rows, out, rows);
  } else {
    IntegerRows<V, D, 8> rows(shape, w, x);
    for_passes<V>(shape.out, begin, end, x.num_rows, out, rows);
  }
}

// The operands that a block of a weight becomes: panels of kPanel outputs, [panel][kWordSteps
// words][kPanel].
template <class Op>
struct Panels {
  static constexpr int kPanel = Op::kVectors * Op::Lanes::kLanes;
  static constexpr int kPanels = kPackRows / kPanel;
  static constexpr int64_t kFloats = kWordSteps * kPackRows;
};

// Weights of PanelRows: packed ones, as they are in fp32 or rounded to bf16 in pairs.
template <class V, class Op>
class PackedPanels : Panels<Op> {
 public:
  PackedPanels(const PackedShape& shape, const std::byte* w)
      : shape_(shape), w_(reinterpret_cast<const uint8_t*>(w)) {}

  int64_t num_inputs() const { return shape_.padded_in(); }
  // Inputs [input, input + size) of a block.
  void unpack(int64_t block, int64_t input, int64_t size, float* to) const {
    for_stretches(
        shape_, w_ + block * shape_.row_block_bytes(), input, size, [&](const Stretch& stretch) {
          const int64_t at = stretch.group * shape_.padded_group() + stretch.in_group - input;
          if (shape_.bits == 4) {
            unpack<4>(stretch, at, to);
          } else {
            unpack<8>(stretch, at, to);
          }
        });
  }

 private:
  using Panels<Op>::kPanel;
  using Panels<Op>::kPanels;

  template <int kBits>
  void unpack(const Stretch& stretch, int64_t at, float* weights) const {
    constexpr int kInputs = 32 / kBits;
    constexpr int kHalves = 2 / kPanels;
    for (int h = 0; h < 2; ++h) {
      const typename V::Float scale = V::load_floats(stretch.block + 64 * h);
      const typename V::Float zero =
          V::to_float(V::load_bytes(stretch.block + kPackZeroOffset + 16 * h));
      const uint8_t* steps =
          stretch.block + kPackHeaderBytes + 64 * h + stretch.in_group / kInputs * 128;
      float* to = weights + h / kHalves * kWordSteps * kPanel + at / Op::kElements * kPanel +
                  h % kHalves * 16;
      for (int64_t k = 0; k < stretch.size; k += kInputs, steps += 128) {
        const typename V::Int w = load_steps<V, kBits>(steps);
        const auto value = [&](int j) {
          return V::mul(V::sub(V::template field<kBits>(w, shift_of(j)), zero), scale);
        };
#pragma GCC unroll 8
        for (int j = 0; j < kInputs; j += Op::kElements, to += kPanel) {
          if constexpr (Op::kElements == 2) {
            V::store_words(reinterpret_cast<uint16_t*>(to), V::pairs(value(j), value(j + 1)));
          } else {
            V::store(to, value(j), 16);
          }
        }
      }
    }
  }

  const PackedShape& shape_;
  const uint8_t* w_;
};

// Or bf16 [out, in] as checkpoints hold them, in fp32; `in` a multiple of 8.
template <class Op>
class StoredPanels : Panels<Op> {
 public:
  StoredPanels(const uint16_t* w, int64_t out, int64_t in) : w_(w), out_(out), in_(in) {
    static_assert(Op::kElements == 1);
  }

  int64_t num_inputs() const { return in_; }
  void unpack(int64_t block, int64_t input, int64_t size, float* to) const {
    for (int o = 0; o < kPackRows; o += kSquare) {
      const int64_t row = block * kPackRows + o;
      const auto num_rows = static_cast<int>(std::clamp<int64_t>(out_ - row, 0, kSquare));
      float* columns = to + o / kPanel * kWordSteps * kPanel + o % kPanel;
      for (int64_t k = 0; k < size; k += kSquare, columns += kSquare * kPanel) {
        Op::Lanes::widen_columns(w_ + row * in_ + input + k, in_, num_rows, columns, kPanel);
      }
    }
  }

 private:
  using Panels<Op>::kPanel;
  static constexpr int kSquare = 8;  // of widen_columns

  const uint16_t* w_;
  int64_t out_, in_;
};

// Products of bf16 activations over operands of `Op` (panel-inl.h).
template <class Op, class Weights>
class PanelRows {
 public:
  PanelRows(const Weights& weights, const Bf16Tiles& x)
      : weights_(weights),
        x_(x),
        tile_inputs_((weights.num_inputs() + kPairInputs - 1) / kPairInputs * kPairInputs) {}

  // Into results().
  void run(const BlockPass& pass) {
    std::fill_n(results_.data(), pass.num_blocks * kSumsOfBlock, 0.0f);
    const int64_t inputs = weights_.num_inputs();
    for (int64_t input = 0; input < inputs; input += kInputsAtOnce) {
      const int64_t size = std::min(kInputsAtOnce, inputs - input);
      for (int64_t b = 0; b < pass.num_blocks; ++b) {
        weights_.unpack(pass.first_block + b, input, size, operands_.data() + b * P::kFloats);
      }
      for (int64_t row = 0; row < pass.num_rows; row += kRowsAtOnce) {
        const int64_t n = std::min(kRowsAtOnce, pass.num_rows - row);
        copy_rows(pass.first_row + row, input, size);
        for (int64_t p = 0; p < pass.num_blocks * P::kPanels; ++p) {
          float* results =
              results_.data() + p / P::kPanels * kSumsOfBlock + p % P::kPanels * P::kPanel;
          for (int64_t r = 0; r < n; r += Op::kRows) {
            multiply_panel<Op, Op::kRows, Op::kVectors, kLdx, kPackRows, true>(
                rows_.data() + r * kLdx, operands_.data() + p * kWordSteps * P::kPanel,
                size / Op::kElements, results + (row + r) * kPackRows);
          }
        }
      }
    }
  }
  const float* results() { return results_.data(); }

 private:
  using L = typename Op::Lanes;
  using P = Panels<Op>;
  static constexpr int kPairInputs = 32;        // bf16 of a row of a tile
  static constexpr int64_t kRowsAtOnce = 48;    // a divisor of kRowsOfPass
  static constexpr int kLdx = kWordSteps + 16;  // see flash-inl.h
  static constexpr int64_t kInputsAtOnce = kWordSteps * Op::kElements;

  // Inputs [input, input + size) of kRowsAtOnce rows as operands; those that do not exist as 0.
  void copy_rows(int64_t first, int64_t input, int64_t size) {
    for (int64_t r = 0; r < kRowsAtOnce; ++r) {
      float* to = rows_.data() + r * kLdx;
      if (first + r >= x_.num_rows) {
        std::fill_n(to, size / Op::kElements, 0.0f);
        continue;
      }
      const uint16_t* tiles = x_.x + (first + r) / kTileRows * kTileRows * tile_inputs_ +
                              (first + r) % kTileRows * kPairInputs;
      constexpr int64_t kElements = L::kLanes * Op::kElements;
      for (int64_t k = 0; k < size; k += kElements, to += L::kLanes) {
        const int64_t at = input + k;
        const uint16_t* from =
            tiles + at / kPairInputs * kPairInputs * kTileRows + at % kPairInputs;
        L::store(to, Op::words(from, kElements));
      }
    }
  }

  const Weights& weights_;
  const Bf16Tiles& x_;
  const int64_t tile_inputs_;
  Lines<float> operands_{kBlocksAtOnce * P::kFloats};
  Lines<float> rows_{kRowsAtOnce * kLdx};
  Lines<float> results_{kBlocksAtOnce * kSumsOfBlock};
};

template <class V, class Op>
void many_rows_bf16(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                    const Bf16Tiles& x, const TileOutput& out) {
  const PackedPanels<V, Op> weights(shape, w);
  PanelRows<Op, PackedPanels<V, Op>> rows(weights, x);
  for_passes<V>(shape.out, begin, end, x.num_rows, out, rows);
}

template <class V, class Op>
void many_stored_rows(const uint16_t* w, int64_t num_outputs, int64_t in, int64_t begin,
                      int64_t end, const Bf16Tiles& x, const TileOutput& out) {
  const StoredPanels<Op> weights(w, num_outputs, in);
  PanelRows<Op, StoredPanels<Op>> rows(weights, x);
  for_passes<V>(num_outputs, begin, end, x.num_rows, out, rows);
}

}  // namespace
}  // namespace glmv::kernels
