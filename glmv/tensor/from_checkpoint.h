#pragma once
// Hands the tensors of a checkpoint to the model, one by one, in the dtype of computation. Where
// the file already has that dtype the tensor is a view of the memory map (no copy). Remembers what
// was taken, so that leftovers can be named.

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/checkpoint/quant_config.h"
#include "glmv/checkpoint/weights.h"
#include "glmv/tensor/weight_memory.h"

namespace glmv::tensor {

// A view of a checkpoint tensor; shares ownership of the file map. Read-only memory. A copy where
// the file holds it at an unaligned offset.
at::Tensor as_tensor(const checkpoint::TensorView& view);

class WeightSource {
 public:
  struct Options {
    at::ScalarType dtype = at::kFloat;
    at::Device device = at::kCPU;
    bool own_memory = false;  // clone views, so that the tensor may be written
    bool dummy = false;       // random values, no file
    uint64_t dummy_seed = 0;
    checkpoint::QuantConfig quantization;  // of the file
    int quantize_bits = 0;                 // 4, 8: float Linears of the decoder are packed so
    int quantize_vision_bits = 0;          // 8: those of the vision tower too, int8 activations
    checkpoint::Activations activations = checkpoint::Activations::kFloat;  // of quantised Linears
  };

  // `weights` may be null with options.dummy.
  WeightSource(const checkpoint::Weights* weights, Options options);

  // A tensor of exactly `shape`. not_found when it is missing, invalid_argument on another shape or
  // a dtype that is no float.
  Result<at::Tensor> take(const std::string& name, at::IntArrayRef shape);
  // The same, kept in fp32 in every load dtype.
  Result<at::Tensor> take_fp32(const std::string& name, at::IntArrayRef shape);
  // A tensor as the file has it: one of `dtypes`, with `dim` dimensions (any without). Not counted
  // in num_bytes().
  Result<at::Tensor> take_stored(const std::string& name,
                                 std::initializer_list<at::ScalarType> dtypes,
                                 std::optional<int64_t> dim = std::nullopt);
  // `name` if the file has it, else its `pieces` (each with its rows) concatenated along dim 0.
  Result<at::Tensor> take_fused(const std::string& name, const std::vector<std::string>& pieces,
                                const std::vector<int64_t>& piece_rows, at::IntArrayRef shape);
  // Rows [begin, begin + shape[0]) of a fused tensor when `name` itself is missing.
  Result<at::Tensor> take_or_slice(const std::string& name, const std::string& fused, int64_t begin,
                                   at::IntArrayRef shape);
  // Element `index` of a stacked tensor [E, ...], rows [begin, begin + shape[0]) of it.
  Result<at::Tensor> take_stacked(const std::string& stacked, int64_t index, int64_t num,
                                  int64_t rows, int64_t begin, at::IntArrayRef shape);

  // True when the file has the tensor; in dummy mode always `dummy_answer`.
  bool has(const std::string& name, bool dummy_answer = false) const;

  // Lets go of the memory of the file's tensors "<name>.*" where nothing reads them any more; a
  // later read fetches them again.
  void drop_pages(const std::string& name) const;

  const Options& options() const { return options_; }
  // Names never taken, sorted.
  std::vector<std::string> leftovers() const;
  // Bytes of weights held (in the dtype of computation, or packed).
  int64_t num_bytes() const { return num_bytes_; }
  void add_bytes(int64_t num_bytes) { num_bytes_ += num_bytes; }
  // For weights that a format keeps in an order of its own.
  WeightMemory& memory() { return memory_; }

 private:
  Result<at::Tensor> take_as(const std::string& name, at::IntArrayRef shape, at::ScalarType dtype);
  at::Tensor convert(const at::Tensor& raw, at::ScalarType dtype);
  at::Tensor random(const std::string& name, at::IntArrayRef shape, at::ScalarType dtype);
  Result<at::Tensor> raw(const std::string& name);
  // A tensor that a GGUF file holds in blocks, as floats.
  Result<at::Tensor> from_blocks(const std::string& name);

  const checkpoint::Weights* weights_;
  Options options_;
  std::set<std::string> taken_;
  int64_t num_bytes_ = 0;
  WeightMemory memory_;
};

}  // namespace glmv::tensor
