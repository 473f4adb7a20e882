#pragma once
// The product of one weight in ranges of its output rows, for callers that bring the threads and
// the operands: mixtures of experts, where many small weights are one task (grouped_mlp.h).

#include <c10/core/ScalarType.h>

#include <cstdint>

#include "glmv/quant/operands.h"

namespace glmv::quant {

// Ranges begin at multiples of it.
inline constexpr int64_t kRangeStep = 32;

class RangeProduct {
 public:
  virtual ~RangeProduct() = default;

  virtual int64_t in() const = 0;
  virtual int64_t out() const = 0;

  // How `num_rows` rows of dtype `x` must lie.
  virtual OperandSpec operand(int64_t num_rows, at::ScalarType x) const = 0;

  // y[r, o - begin] = sum_i w[o, i] x[r, i] for o in [begin, end), fp32, rows `ldy` apart. Called
  // by many threads at once.
  virtual void multiply(const Operand& x, int64_t begin, int64_t end, float* y,
                        int64_t ldy) const = 0;
};

}  // namespace glmv::quant
