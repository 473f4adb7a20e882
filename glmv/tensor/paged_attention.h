#pragma once
// Attention of single tokens over keys and values in blocks, by our own kernel: what decoding
// needs. CPU only. Shape legend as in ops.h; R query rows.

#include <ATen/core/Tensor.h>

#include <span>

namespace glmv::tensor {

// Where the keys and values of one layer lie: element offsets from the start of a block to its keys
// and values [G, block_tokens, E].
struct PagedLayer {
  int64_t block_tokens = 0;
  int64_t kv_heads = 0;
  int64_t key_offset = 0;
  int64_t value_offset = 0;
  int64_t head_elements = 0;  // from one head to the next
  bool int8 = false;  // elements of int8, the scales of a head's rows behind them (kernel_table.h)
};

// The context of one query row: its first `length` tokens.
struct PagedRow {
  const void* const* blocks = nullptr;
  int64_t length = 0;
};

// Whether attention_paged takes queries of this dtype, device and head dim; `int8` as above.
bool takes_paged(at::ScalarType dtype, at::Device device, int64_t head_dim, bool int8 = false);

// q [R, H, E] -> [R, H, E], row by row over its own context, which has at least one token. Each
// result depends on its own row only: it is the same, bit for bit, in every batch and for every
// number of threads. Records no graph.
at::Tensor attention_paged(const at::Tensor& q, const PagedLayer& layer,
                           std::span<const PagedRow> rows, double scale);

}  // namespace glmv::tensor
