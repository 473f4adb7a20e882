#pragma once
// Choosing 4- or 8-bit weights for a float matrix: rounding, GPTQ (Frantar et al., 2022), AWQ (Lin
// et al., 2023). On plain tensors; what runs the model and writes the files is apps/glmv.
// Shape legend: O outputs, I inputs, G groups of inputs, N rows of activations.

#include <ATen/core/Tensor.h>

#include <vector>

#include "glmv/base/result.h"

namespace glmv::quant {

struct QuantGrid {
  int bits = 4;                            // 4 or 8
  int64_t group = 128;                     // inputs that share a scale; 0: all
  bool symmetric = false;                  // zero points at half the range
  at::ScalarType scale_dtype = at::kHalf;  // in which the scales will be stored

  int64_t group_of(int64_t in) const { return group == 0 ? in : group; }
};

// w = (q - zero) * scale.
struct QuantizedMatrix {
  at::Tensor q_OI;       // uint8
  at::Tensor scales_OG;  // fp32, exact in the grid's scale_dtype
  at::Tensor zeros_OG;   // uint8
};
at::Tensor dequantise(const QuantizedMatrix& matrix);  // fp32 [O, I]

// To nearest. The range of each group is multiplied by `shrink_OG` (at most 1) when it is defined.
QuantizedMatrix round_matrix(const at::Tensor& w_OI, const QuantGrid& grid,
                             const at::Tensor& shrink_OG = {});

// Column by column; what rounding one changes in the output is taken up by the columns that follow.
// `gram_II` = x^T x of the inputs, fp32. `damping`: of its mean diagonal, added to the diagonal.
// invalid_argument when the gram matrix is no number or cannot be inverted.
Result<QuantizedMatrix> gptq(const at::Tensor& w_OI, const at::Tensor& gram_II,
                             const QuantGrid& grid, double damping = 0.01);

// Factors [I] on the inputs that matrices share: columns are rounded after being multiplied by
// them, and what gives the inputs is divided by them. Candidates are powers of the mean magnitude
// of each input; best() has the least error of the outputs x w^T over all matrices that were added.
class ScaleSearch {
 public:
  // `x_NI`: rows that all matrices see. powers_of_two: factors that multiply any float without
  // loss.
  ScaleSearch(const at::Tensor& x_NI, const QuantGrid& grid, bool powers_of_two = false);
  // A matrix [O, I], and the rows [N, I] that reach it.
  void add(const at::Tensor& w_OI, const at::Tensor& x_NI);
  at::Tensor best() const;  // all positive

 private:
  QuantGrid grid_;
  std::vector<at::Tensor> candidates_;
  std::vector<double> errors_;
};

// Factors [O, G] on the range of each group with the least error of x w^T.
at::Tensor search_shrink(const at::Tensor& w_OI, const at::Tensor& x_NI, const QuantGrid& grid);

// |x (w - other)^T|^2 / |x w^T|^2; with x undefined |w - other|^2 / |w|^2.
double output_error(const at::Tensor& w_OI, const at::Tensor& other_OI, const at::Tensor& x_NI);

}  // namespace glmv::quant
