#pragma once
// A float8 weight of one Linear: bytes as the file holds them (a view of its map where nothing had
// to be joined), scales in the one form that the kernels read (glmv/kernels/fp8_matrix.h).

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::quant {

struct Fp8Weight {
  at::Tensor codes;         // float8_e4m3fn [out, in], contiguous
  at::Tensor scales;        // fp32 [out, ceil(in / block)], contiguous
  int64_t block = 0;        // inputs per scale
  float input_scale = 0;    // static scale of the activations; 0: none, they get one per token
  int64_t input_group = 0;  // inputs that share a scale of the activations; 0: all

  int64_t out() const { return codes.size(0); }
  int64_t in() const { return codes.size(1); }
  int64_t num_bytes() const {
    return static_cast<int64_t>(codes.nbytes()) + static_cast<int64_t>(scales.nbytes());
  }
};

using Fp8WeightPtr = std::unique_ptr<Fp8Weight>;

// Weights of one input end to end along `out` (a copy). invalid_argument when their blocks differ.
Result<Fp8WeightPtr> join_rows(std::vector<Fp8WeightPtr> parts, const std::string& name);
// Rows [begin, begin + out) of a weight.
Fp8WeightPtr slice_rows(Fp8WeightPtr whole, int64_t begin, int64_t out);

// fp32 [out, in].
at::Tensor dequantise(const Fp8Weight& weight);

}  // namespace glmv::quant
