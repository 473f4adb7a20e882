#pragma once
// Loops over fp32 weights that round them to a grid, in one pass and parallel over rows. The
// quantiser's searches call them tens of times for every weight.
// Shape legend: O outputs, I inputs, G groups of inputs, B inputs of a block.

#include <ATen/core/Tensor.h>

#include "glmv/quant/quantizer.h"

namespace glmv::quant {

// round_matrix() with the range of every group multiplied by `shrink_OG`, where defined.
QuantizedMatrix round_groups(const at::Tensor& w_OI, const QuantGrid& grid,
                             const at::Tensor& shrink_OG);

// What rounding adds to the weight: round(w s) / s - w with the factors s on the inputs (none:
// undefined), the range of every group multiplied by `shrink`. Into `change`, made fp32 [O, I]; its
// memory is used again when it suffices, because fresh pages cost as much as the rounding.
void rounding_change(const at::Tensor& w_OI, const QuantGrid& grid, const at::Tensor& factors_I,
                     float shrink, at::Tensor& change);

// Inputs [begin, begin + B) of w, one after another: each is rounded into `matrix`, and what that
// changes is taken up by those behind it as `u_BB` says (a block of U with H^-1 = U^T U). The range
// of a group is that of the weights when its first input is reached. Changes w_OI. Returns [O, B]:
// the change of each input over its diagonal element of U, for the inputs behind the block.
at::Tensor gptq_block(at::Tensor& w_OI, int64_t begin, const at::Tensor& u_BB,
                      const QuantGrid& grid, QuantizedMatrix& matrix);

}  // namespace glmv::quant
