#pragma once
// Random packed weights, and activations in every form that the kernels take.

#include <ATen/core/Tensor.h>

#include <vector>

#include "glmv/kernels/kernel_table.h"

namespace glmv::bench {

// uint8 [num_bytes]
at::Tensor random_packed(const kernels::PackedShape& shape);

// Random rows in the forms of packed_weight.h; groups without padding.
class RowsForBench {
 public:
  RowsForBench(const kernels::PackedShape& shape, int64_t num_rows);
  kernels::Int8Rows int8() const { return {q_.data(), scales_.data(), sums_.data(), num_rows_}; }
  kernels::FloatRows floats() const { return {x_.data(), x_sums_.data(), num_rows_}; }
  // Any bytes will do as tiles; the scales too, each being positive.
  kernels::Int8Tiles int8_tiles() const {
    return {q_.data(), scales_.data(), sums_.data(), num_rows_};
  }
  kernels::Bf16Tiles bf16_tiles() const { return {halves_.data(), num_rows_}; }

 private:
  int64_t num_rows_;
  std::vector<float> x_, x_sums_, scales_;
  std::vector<int8_t> q_;
  std::vector<int32_t> sums_;
  std::vector<uint16_t> halves_;
};

}  // namespace glmv::bench
