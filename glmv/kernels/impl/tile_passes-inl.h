#pragma once
// The order in which products of many rows by AMX tiles take rows, inputs and blocks of outputs.
// Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <algorithm>
#include <cstdint>

#include "glmv/kernels/impl/lines-inl.h"
#include "glmv/kernels/impl/tile_multiply-inl.h"
#include "glmv/kernels/packed_weight.h"

namespace glmv::kernels {
namespace {

// Activations that a pass over the weights uses: with operands and sums they fit the second level.
constexpr int64_t kActivationBytes = int64_t{1} << 20;
constexpr int64_t kMaxRowsAtOnce = 512;
// Blocks whose sums are kept while the inputs are taken in turn: with 512 rows 4 MiB.
constexpr int64_t kBlocksAtOnce = 64;

// A block times a stretch of inputs of some rows.
struct Job {
  int64_t block = 0;
  int64_t first_row = 0, num_rows = 0;      // multiples of 16
  int64_t first_input = 0, num_inputs = 0;  // what operands hold, less at the end
  bool is_last = false;                     // of the block's inputs
  // Of these rows and the block: what jobs of earlier inputs left there, anything at the first.
  float* sums = nullptr;
};

// All jobs of the blocks [begin, end), in order: a pass takes as many activations as fit the
// second level, and with them one block after the other.
class Jobs {
 public:
  Jobs(int64_t begin, int64_t end, int64_t num_rows, int64_t num_inputs, int64_t operand_inputs,
       int64_t element_bytes)
      : begin_(begin),
        end_(end),
        rows_((num_rows + 15) / 16 * 16),
        inputs_(num_inputs),
        operand_inputs_(operand_inputs),
        rows_at_once_(rows_of_pass(rows_)),
        inputs_at_once_(std::max<int64_t>(1, kActivationBytes /
                                                 (rows_at_once_ * operand_inputs * element_bytes)) *
                        operand_inputs),
        kept_(num_inputs > inputs_at_once_ ? std::min(kBlocksAtOnce, end - begin) : 1),
        sums_(kept_ * rows_at_once_ * kPackRows),
        first_(begin),
        block_(begin) {}

  bool next(Job& job) {
    if (row_ >= rows_ || begin_ >= end_) return false;
    const int64_t pass_end = std::min(pass_ + inputs_at_once_, inputs_);
    job = {block_,
           row_,
           std::min(rows_at_once_, rows_ - row_),
           input_,
           std::min(operand_inputs_, pass_end - input_),
           false,
           sums_.data() + (block_ - first_) * rows_at_once_ * kPackRows};
    input_ += job.num_inputs;
    job.is_last = input_ == inputs_;
    if (input_ == pass_end) advance(pass_end);
    return true;
  }

 private:
  static int64_t rows_of_pass(int64_t rows) {
    const int64_t passes = (rows + kMaxRowsAtOnce - 1) / kMaxRowsAtOnce;
    return std::max<int64_t>(32, ((rows + passes - 1) / passes + 31) / 32 * 32);
  }
  // To the next block; behind the last that is kept to the next inputs, and so on.
  void advance(int64_t pass_end) {
    if (++block_ == std::min(first_ + kept_, end_)) {
      block_ = first_;
      pass_ = pass_end;
      if (pass_ == inputs_) {
        pass_ = 0;
        first_ = std::min(first_ + kept_, end_);
        if (first_ == end_) {
          first_ = begin_;
          row_ += rows_at_once_;
        }
        block_ = first_;
      }
    }
    input_ = pass_;
  }

  const int64_t begin_, end_, rows_, inputs_, operand_inputs_, rows_at_once_, inputs_at_once_;
  const int64_t kept_;
  Lines<float> sums_;
  int64_t first_, block_, row_ = 0, pass_ = 0, input_ = 0;
};

// Makes the operands of the next job while multiply(job, operands, step) is at one: it calls step()
// for every step of inputs of every two row tiles.
template <class Maker, class Multiply>
void run_jobs(Jobs& jobs, Maker& maker, const Multiply& multiply) {
  Job job, next;
  if (!jobs.next(job)) return;
  maker.start(job);
  for (bool more = true; more; job = next) {
    const auto operands = maker.finish();
    more = jobs.next(next);
    if (more) maker.start(next);
    multiply(job, operands, [&] { maker.step(); });
  }
}

// Runs work(first row, whether a second tile of 16 rows follows) over the rows of a pass.
template <class Work>
void for_row_tiles(int64_t num_rows, const Work& work) {
  for (int64_t row = 0; row < num_rows; row += 32) work(row, row + 16 < num_rows);
}

// What the vector unit does for one product while the tile unit is at the next: do_rows(begin, end)
// of `rows` rows, a part at a time.
template <class DoRows>
void do_part(int rows, int part, int parts, const DoRows& do_rows) {
  const int each = (rows + parts - 1) / parts;
  const int begin = std::min(rows, part * each), end = std::min(rows, begin + each);
  if (begin < end) do_rows(begin, end);
}

// sums + the products of all rows of a job, operands_at(row). The last ones go to put(row, begin,
// end, sums) instead, rows [begin, end) of the row tiles at `row`, from `buffer` of 2 x 4 tiles.
template <bool kBytes, class Sum, class OperandsAt, class Put, class Step>
void multiply_job(const Job& job, Sum* sums, Sum* buffer, const OperandsAt& operands_at,
                  const Put& put, const Step& step) {
  int64_t waiting_row = 0;
  int waiting = 0;  // rows
  const Sum* waiting_sums = nullptr;
  const auto put_waiting = [&](int part, int parts) {
    do_part(waiting, part, parts,
            [&](int begin, int end) { put(waiting_row, begin, end, waiting_sums); });
  };
  int turn = 0;
  for_row_tiles(job.num_rows, [&](int64_t row, bool both) {
    Sum* own = sums + row * kPackRows;
    Sum* to = job.is_last ? buffer + turn * 4 * kTileSums : own;
    multiply_onto<kBytes>(both, operands_at(row), job.first_input == 0 ? nullptr : own, to,
                          put_waiting, step);
    if (!job.is_last) return;
    waiting_row = row;
    waiting = both ? 32 : 16;
    waiting_sums = to;
    turn ^= 1;
  });
  put_waiting(0, 1);
}

}  // namespace
}  // namespace glmv::kernels
