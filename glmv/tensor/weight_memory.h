#pragma once
// Memory of weights in 2 MB pages. A page of that size needs an address that is a multiple of it,
// so weights of a few megabytes with memory of their own would lie in small pages for the most
// part.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace glmv::tensor {

// uint8 [num_bytes] in memory of its own that begins with a 2 MB page; not touched yet.
at::Tensor huge_page_bytes(int64_t num_bytes);

// Weights end to end. What is given out shares the memory of its neighbours, which is freed with
// the last of them: for what stays as long as the model. One thread at a time.
class WeightMemory {
 public:
  // uint8 [num_bytes], not touched yet, beginning with a cache line.
  at::Tensor allocate(int64_t num_bytes);

 private:
  at::Tensor slab_;
  int64_t used_ = 0;
};

}  // namespace glmv::tensor
