#pragma once
// A quantised weight in the terms that all formats share, row by row:
//   w[o, i] = (q[o, i] - zero[o, g(i)]) * scale[o, g(i)] - offset[o, g(i)]
// Formats differ in how they pack q; readers give rows, so that a weight can be repacked, joined
// and cut without a whole second copy.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/kernels/packed_weight.h"

namespace glmv::quant {

struct QuantizedRows {
  std::vector<uint8_t> q;      // [n, in]
  std::vector<float> scales;   // [n, groups]
  std::vector<uint8_t> zeros;  // [n, groups]
  std::vector<float> offsets;  // [n, groups], or empty: all 0
};

// Thread-safe to read.
class QuantizedWeight {
 public:
  explicit QuantizedWeight(kernels::PackedShape shape) : shape_(shape) {}
  virtual ~QuantizedWeight() = default;

  const kernels::PackedShape& shape() const { return shape_; }
  int64_t out() const { return shape_.out; }
  int64_t in() const { return shape_.in; }
  // Position of a column -> input it multiplies (activation order); empty: the same.
  const std::vector<int64_t>& input_order() const { return input_order_; }
  // Whether some offset may be other than 0: zero points that are no integers.
  bool has_offsets() const { return has_offsets_; }
  // Rows [begin, begin + n), n <= 128; the vectors of `rows` are resized.
  virtual void read(int64_t begin, int64_t n, QuantizedRows& rows) const = 0;

 protected:
  kernels::PackedShape shape_;
  std::vector<int64_t> input_order_;
  bool has_offsets_ = false;
};

using QuantizedWeightPtr = std::unique_ptr<QuantizedWeight>;

// Weights of one input end to end along `out`. invalid_argument when their groups differ.
Result<QuantizedWeightPtr> join_rows(std::vector<QuantizedWeightPtr> parts,
                                     const std::string& name);
// Rows [begin, begin + out) of a weight.
QuantizedWeightPtr slice_rows(QuantizedWeightPtr whole, int64_t begin, int64_t out);

// Round to nearest of a float weight [out, in], per group of `group` inputs. 8 bits: symmetric; 4
// bits: with zero points.
QuantizedWeightPtr round_to_nearest(at::Tensor weight, int bits, int64_t group);

}  // namespace glmv::quant
