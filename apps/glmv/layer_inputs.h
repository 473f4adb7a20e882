#pragma once
// What the Linears of a layer see of the calibration samples.

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "glmv/quant/linear_method.h"

namespace glmv::app {

// What Linears that share an input see of it.
struct Inputs {
  at::Tensor rows_NI;    // some of the rows, fp32; undefined when there was none
  at::Tensor gram_II;    // x^T x of all rows, fp32; undefined unless wanted
  int64_t num_rows = 0;  // all rows
};

// Rows -> Inputs, keeping at most max_rows of them, evenly spread.
Inputs inputs_of(const at::Tensor& x_NI, int64_t max_rows, bool wants_gram);

// Fills while samples run through the layer.
class InputLog {
 public:
  // stride: every such row is kept. wants_gram: their gram matrix is summed up.
  InputLog(int64_t stride, int64_t max_rows, bool wants_gram)
      : stride_(stride), max_rows_(max_rows), wants_gram_(wants_gram) {}

  void add(const at::Tensor& x_NI);
  Inputs inputs() const;
  at::Tensor kept() const;  // the rows in their own dtype

 private:
  int64_t stride_;
  int64_t max_rows_;
  bool wants_gram_;
  int64_t num_seen_ = 0;
  int64_t num_kept_ = 0;
  std::vector<at::Tensor> kept_;
  at::Tensor gram_;
};

// A Linear that multiplies as before and notes its inputs.
quant::Linear observed(const quant::Linear& linear, std::shared_ptr<InputLog> log);

}  // namespace glmv::app
