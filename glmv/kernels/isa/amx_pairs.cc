// Products of weights and bf16 activations by AMX tiles: packed weights, or bf16 rows as
// checkpoints hold them, become operands while the tile unit multiplies by those before them.

#include <immintrin.h>

#include <algorithm>

#include "glmv/kernels/impl/tile_output-inl.h"
#include "glmv/kernels/impl/tile_passes-inl.h"
#include "glmv/kernels/impl/tile_scope-inl.h"
#include "glmv/kernels/impl/vnni_dot-inl.h"
#include "glmv/kernels/impl/words512-inl.h"
#include "glmv/kernels/isa/tables.h"

namespace glmv::kernels {
namespace {

// Operands of so many inputs, those of the next job too, and the activations that pass by share the
// first-level cache: 16 KiB each.
constexpr int64_t kPairsAtOnce = 256;
// Packed weights are asked for so many bytes before they are turned into operands.
constexpr int64_t kAhead = 4096;

// Shares the making of `num` pieces of the next operands among the steps of the job at hand.
class Pace {
 public:
  void start(const Job& job, int64_t num) {
    left_ = num_ = num;
    // Calls of step() while the job before is multiplied, at least.
    calls_ = std::max<int64_t>(1, (job.num_rows + 31) / 32 * (job.num_inputs / kPairInputs - 2));
    due_ = 0;
  }
  // Calls make(index) for the pieces whose turn it is.
  template <class Make>
  void step(const Make& make) {
    for (due_ += num_; due_ >= calls_ && left_ > 0; due_ -= calls_) make(num_ - left_--);
  }
  template <class Make>
  void finish(const Make& make) {
    while (left_ > 0) make(num_ - left_--);
  }

 private:
  int64_t num_ = 0, left_ = 0, calls_ = 1, due_ = 0;
};

// The operands of two jobs in turn.
class TwoOperands {
 public:
  uint16_t* next() { return tiles_[turn_].data(); }
  const std::byte* take() {
    const auto* made = reinterpret_cast<const std::byte*>(next());
    turn_ ^= 1;
    return made;
  }

 private:
  Lines<uint16_t> tiles_[2] = {Lines<uint16_t>(kPairsAtOnce * kPackRows),
                               Lines<uint16_t>(kPairsAtOnce* kPackRows)};
  int turn_ = 0;
};

// Operands of a packed weight; a piece is one step of packed weights of both halves of a block.
template <int kBits>
class PackedMaker {
 public:
  PackedMaker(const PackedShape& shape, const std::byte* w) : shape_(shape), w_(w) {}

  void start(const Job& job) {
    const int64_t group = shape_.padded_group();
    block_ =
        w_ + job.block * shape_.row_block_bytes() + job.first_input / group * shape_.block_bytes();
    in_group_ = job.first_input % group;
    lines_ = operands_.next();
    pace_.start(job, job.num_inputs / kStepInputs<kBits>);
  }
  void step() {
    pace_.step([this](int64_t i) { make(i); });
  }
  const std::byte* finish() {
    pace_.finish([this](int64_t i) { make(i); });
    return operands_.take();
  }

 private:
  void make(int64_t index) {
    constexpr int64_t kStepsOfTile = kPairInputs / kStepInputs<kBits>;
    const auto* bytes = reinterpret_cast<const uint8_t*>(block_);
    const uint8_t* step = bytes + kPackHeaderBytes + in_group_ / kStepInputs<kBits> * 128;
    for (int h = 0; h < 2; ++h) {
      _mm_prefetch(step + 64 * h + kAhead, _MM_HINT_T0);
      const __m512 scale = VnniDot::load_floats(bytes + 64 * h);
      const __m512 zero = VnniDot::to_float(VnniDot::load_bytes(bytes + kPackZeroOffset + 16 * h));
      step_to_pairs<VnniDot, kBits>(step + 64 * h, scale, zero, lines_ + h * kTileBytes / 2);
    }
    lines_ += kStepInputs<kBits> * 16;
    if ((index + 1) % kStepsOfTile == 0) lines_ += kTileBytes / 2;  // behind the other half
    in_group_ += kStepInputs<kBits>;
    if (in_group_ == shape_.padded_group()) {
      in_group_ = 0;
      block_ += shape_.block_bytes();
    }
  }

  const PackedShape& shape_;
  const std::byte* w_;
  TwoOperands operands_;
  Pace pace_;
  const std::byte* block_ = nullptr;
  int64_t in_group_ = 0;
  uint16_t* lines_ = nullptr;
};

// Operands of rows of bf16 [out, in]; a piece is one tile.
class RowsMaker {
 public:
  RowsMaker(const uint16_t* w, int64_t out, int64_t in) : w_(w), out_(out), in_(in) {}

  void start(const Job& job) {
    from_ = w_ + job.block * kPackRows * in_ + job.first_input;
    rows_ = out_ - job.block * kPackRows;
    pace_.start(job, job.num_inputs / kPairInputs * 2);
  }
  void step() {
    pace_.step([this](int64_t i) { make(i); });
  }
  const std::byte* finish() {
    pace_.finish([this](int64_t i) { make(i); });
    return operands_.take();
  }

 private:
  void make(int64_t index) {
    const int64_t half = index % 2;
    const uint16_t* from = from_ + half * 16 * in_ + index / 2 * kPairInputs;
    const int64_t rows = std::min<int64_t>(16, rows_ - half * 16);
    __m512i words[16], columns[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) {
      words[r] = r < rows ? _mm512_loadu_si512(from + r * in_) : _mm512_setzero_si512();
      // The next operands of these rows, if there are any.
      if (r < rows) _mm_prefetch(from + r * in_ + kPairsAtOnce, _MM_HINT_T0);
    }
    transpose(words, columns);
    uint16_t* to = operands_.next() + index * kTileBytes / 2;
#pragma GCC unroll 16
    for (int k = 0; k < 16; ++k) _mm512_store_si512(to + 32 * k, columns[k]);
  }

  const uint16_t* w_;
  int64_t out_, in_;
  TwoOperands operands_;
  Pace pace_;
  const uint16_t* from_ = nullptr;
  int64_t rows_ = 0;
};

// Of `shape` only out and padded_in() count.
template <class Maker>
void multiply_blocks(const PackedShape& shape, Maker& maker, int64_t begin, int64_t end,
                     const Bf16Tiles& x, const TileOutput& out) {
  const TileScope scope;
  Lines<float> products(2 * 4 * kTileSums);
  Jobs jobs(begin, end, x.num_rows, shape.padded_in(), kPairsAtOnce, 2);
  const int64_t row_tile_bytes = shape.padded_in() / kPairInputs * kTileBytes;
  run_jobs(jobs, maker, [&](const Job& job, const std::byte* operands, const auto& step) {
    const auto put_sums = [&](int64_t row, int begin_row, int end_row, const float* from) {
      const int64_t first = job.first_row + row + begin_row;
      const int64_t n = std::min<int64_t>(end_row - begin_row, x.num_rows - first);
      if (n <= 0) return;
      put_rows(shape, job.block, first, n, out, [&](int64_t r, int half) {
        return _mm512_load_ps(from + sums_at(begin_row + r, half));
      });
    };
    const auto* rows = reinterpret_cast<const std::byte*>(x.x) +
                       job.first_row / 16 * row_tile_bytes +
                       job.first_input / kPairInputs * kTileBytes;
    multiply_job<false>(
        job, job.sums, products.data(),
        [&](int64_t row) {
          return TileOperands{rows + row / 16 * row_tile_bytes, row_tile_bytes, operands, kApart,
                              job.num_inputs / kPairInputs};
        },
        put_sums, step);
  });
}

}  // namespace

void tile_pairs(const PackedShape& shape, const std::byte* w, int64_t begin, int64_t end,
                const Bf16Tiles& x, const TileOutput& out) {
  if (shape.bits == 4) {
    PackedMaker<4> maker(shape, w);
    multiply_blocks(shape, maker, begin, end, x, out);
  } else {
    PackedMaker<8> maker(shape, w);
    multiply_blocks(shape, maker, begin, end, x, out);
  }
}

void tile_rows(const uint16_t* w, int64_t num_rows, int64_t in, int64_t begin, int64_t end,
               const Bf16Tiles& x, const TileOutput& out) {
  RowsMaker maker(w, num_rows, in);
  const PackedShape shape = {.out = num_rows, .in = in, .group = in, .bits = 8};
  multiply_blocks(shape, maker, begin, end, x, out);
}

}  // namespace glmv::kernels
