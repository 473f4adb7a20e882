#pragma once
// Keys and values in int8: a row of one token and head has one scale, its largest magnitude / 127.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace glmv::model {

// Row x [n] of a contiguous CPU tensor, bf16 or fp32, from element `first` on. A value that is not
// finite makes the scale NaN, so that no error of the model is hidden.
void quantize_kv_row(const at::Tensor& x, int64_t first, int64_t n, int8_t* row, float* scale);

// stored [..., rows * (n + 4)] int8, `rows` rows of n with their scales behind them -> [..., rows,
// n] of `dtype`.
at::Tensor dequantize_kv_rows(const at::Tensor& stored, int64_t rows, int64_t n,
                              at::ScalarType dtype);

}  // namespace glmv::model
