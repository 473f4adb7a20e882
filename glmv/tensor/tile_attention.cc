#include "glmv/tensor/tile_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "glmv/kernels/kernel_table.h"

namespace glmv::tensor {
namespace {

// Fewer queries than this read every key too seldom to pay for packing it.
constexpr int64_t kLeastQueries = 8;
constexpr int64_t kKeysPerTask = 16 * kernels::kKeyTile;

bool is_bf16_rows(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kBFloat16 && x.stride(-1) == 1;
}

const uint16_t* data_of(const at::Tensor& x) {
  return reinterpret_cast<const uint16_t*>(x.const_data_ptr<at::BFloat16>());
}

int64_t div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool takes_tile_attention(const at::Tensor& q, const at::Tensor& keys) {
  const int64_t head_dim = q.size(-1);
  return !c10::GradMode::is_enabled() && kernels::kernels().attention != nullptr &&
         is_bf16_rows(q) && is_bf16_rows(keys) && head_dim % 32 == 0 &&
         head_dim <= kernels::kMaxHeadDim && q.size(0) >= kLeastQueries;
}

at::Tensor tile_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values_in,
                          bool causal, double scale) {
  const at::Tensor values = values_in.stride(-1) == 1 ? values_in : values_in.contiguous();
  const kernels::TileAttention& kernel = *kernels::kernels().attention;
  const int64_t n = q.size(0);
  const int64_t num_heads = q.size(1);
  const int64_t head_dim = q.size(2);
  const int64_t num_keys = keys.size(0);
  const int64_t kv_heads = keys.size(1);
  const int64_t group = num_heads / kv_heads;
  const int64_t packed_size = kernels::packed_head_size(num_keys, head_dim);
  const at::Tensor packed = at::empty({2, kv_heads, packed_size}, q.options());
  auto* packed_keys = reinterpret_cast<uint16_t*>(packed.mutable_data_ptr<at::BFloat16>());
  uint16_t* packed_values = packed_keys + kv_heads * packed_size;

  const int64_t key_tasks = div_up(num_keys, kKeysPerTask);
  at::parallel_for(0, kv_heads * key_tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t head = task / key_tasks;
      const int64_t first = task % key_tasks * kKeysPerTask;
      const int64_t last = std::min(first + kKeysPerTask, num_keys);
      kernel.pack_keys(data_of(keys) + head * keys.stride(1), keys.stride(0), first, last, head_dim,
                       packed_keys + head * packed_size);
      kernel.pack_values(data_of(values) + head * values.stride(1), values.stride(0), first, last,
                         head_dim, packed_values + head * packed_size);
    }
  });

  at::Tensor out = at::empty({n, num_heads, head_dim}, q.options());
  auto* to = reinterpret_cast<uint16_t*>(out.mutable_data_ptr<at::BFloat16>());
  const int64_t query_tasks = div_up(n, kernels::kQueriesAtOnce);
  // Interleaved, so that each thread gets queries that see few and many keys.
  const int64_t num_tasks = num_heads * query_tasks;
  const int64_t num_threads = std::min<int64_t>(at::get_num_threads(), num_tasks);
  at::parallel_for(0, num_threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) {
      for (int64_t task = thread; task < num_tasks; task += num_threads) {
        const int64_t head = task / query_tasks;
        const int64_t first = task % query_tasks * kernels::kQueriesAtOnce;
        const int64_t rows = std::min(kernels::kQueriesAtOnce, n - first);
        kernel.attend({.q = data_of(q) + first * q.stride(0) + head * q.stride(1),
                       .ldq = q.stride(0),
                       .num_queries = rows,
                       .keys = packed_keys + head / group * packed_size,
                       .values = packed_values + head / group * packed_size,
                       .head_dim = head_dim,
                       .num_keys = causal ? num_keys - n + first + rows : num_keys,
                       .causal = causal,
                       .scale = static_cast<float>(scale),
                       .out = to + (first * num_heads + head) * head_dim,
                       .ldo = num_heads * head_dim});
      }
    }
  });
  return out;
}

}  // namespace glmv::tensor
