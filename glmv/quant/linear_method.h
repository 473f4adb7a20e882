#pragma once
// How one Linear stores its weight and computes y = x W^T + b. Const after load.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/quant/range_product.h"
#include "glmv/tensor/from_checkpoint.h"

namespace glmv::quant {

class LinearMethod {
 public:
  virtual ~LinearMethod() = default;

  // x [..., in] -> [..., out] in x's dtype.
  virtual at::Tensor apply(const at::Tensor& x) const = 0;

  // silu(this x) * (up x). May be more exact than the three operations one after the other.
  virtual at::Tensor apply_gated(const LinearMethod& up, const at::Tensor& x) const;

  // (suffix, tensor) pairs under which the weights stand in a checkpoint: ("weight", W).
  virtual std::vector<std::pair<std::string, at::Tensor>> tensors() const = 0;

  // The same product by ranges, for activations of dtype `x`, on the CPU and without gradients;
  // null where it has none.
  virtual const RangeProduct* ranges(at::ScalarType /*x*/) const { return nullptr; }
};

// What a Linear looks like in the checkpoint.
struct LinearSpec {
  std::string name;  // "model.language_model.layers.0.mlp.gate_up_proj"
  int64_t in = 0;
  int64_t out = 0;
  bool bias = false;
  // Alternative spelling in pieces, concatenated along `out` (names and rows), or as rows
  // [slice_begin, slice_begin + out) of a fused Linear.
  std::vector<std::string> pieces;
  std::vector<int64_t> piece_rows;
  std::string sliced_from;
  int64_t slice_begin = 0;
};

// A named Linear of a model; cheap to copy, shares its weights.
class Linear {
 public:
  Linear() = default;
  Linear(std::string name, std::shared_ptr<const LinearMethod> method)
      : name_(std::move(name)), method_(std::move(method)) {}

  at::Tensor operator()(const at::Tensor& x) const { return method_->apply(x); }
  const std::string& name() const { return name_; }
  const LinearMethod& method() const { return *method_; }

 private:
  std::string name_;
  std::shared_ptr<const LinearMethod> method_;
};

// Loads one Linear in whatever format the checkpoint holds it.
Result<Linear> load_linear(tensor::WeightSource& source, const LinearSpec& spec);

// A Linear over a float weight [out, in] that was taken from `source` already (experts cut from a
// stacked tensor, a head tied to the embeddings); rounded when the source says so.
Linear make_linear(tensor::WeightSource& source, std::string name, at::Tensor weight,
                   at::Tensor bias = {});

Linear make_unquantized(std::string name, at::Tensor weight, at::Tensor bias = {});

}  // namespace glmv::quant
