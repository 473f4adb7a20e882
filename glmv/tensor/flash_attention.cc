#include "glmv/tensor/flash_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "glmv/kernels/kernel_table.h"

namespace glmv::tensor {
namespace {

// Fewer queries than this read every key too seldom to pay for packing it.
constexpr int64_t kLeastQueries = 8;
constexpr int64_t kKeysPerTask = 4 * kernels::kKeysPacked;

// Null: none for elements of this type.
const kernels::FlashAttention* kernel_for(const at::Tensor& x) {
  if (!x.is_cpu()) return nullptr;
  if (x.scalar_type() == at::kBFloat16) return kernels::kernels().flash_bf16;
  if (x.scalar_type() == at::kFloat) return kernels::kernels().flash_float;
  return nullptr;
}

// Element [row, head, 0].
const std::byte* at_row(const at::Tensor& x, int64_t row, int64_t head) {
  return static_cast<const std::byte*>(x.const_data_ptr()) +
         (row * x.stride(0) + head * x.stride(1)) * x.element_size();
}

int64_t div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool takes_flash_attention(const at::Tensor& q, const at::Tensor& keys) {
  const int64_t head_dim = q.size(-1);
  return !c10::GradMode::is_enabled() && kernel_for(q) != nullptr &&
         keys.scalar_type() == q.scalar_type() && q.stride(-1) == 1 && keys.stride(-1) == 1 &&
         head_dim % 2 == 0 && head_dim <= kernels::kMaxHeadDim && q.size(0) >= kLeastQueries;
}

at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                           bool causal, double scale) {
  return flash_attention(*kernel_for(q), q, keys, values, causal, scale);
}

at::Tensor flash_attention(const kernels::FlashAttention& kernel, const at::Tensor& q,
                           const at::Tensor& keys, const at::Tensor& values_in, bool causal,
                           double scale) {
  const at::Tensor values = values_in.stride(-1) == 1 ? values_in : values_in.contiguous();
  const int64_t n = q.size(0);
  const int64_t num_heads = q.size(1);
  const int64_t head_dim = q.size(2);
  const int64_t num_keys = keys.size(0);
  const int64_t kv_heads = keys.size(1);
  const int64_t group = num_heads / kv_heads;
  const int64_t packed_bytes = kernel.packed_bytes(num_keys, head_dim);
  const at::Tensor packed = at::empty({2, kv_heads, packed_bytes}, at::kByte);
  auto* packed_keys = static_cast<std::byte*>(packed.mutable_data_ptr());
  std::byte* packed_values = packed_keys + kv_heads * packed_bytes;

  const int64_t key_tasks = div_up(num_keys, kKeysPerTask);
  at::parallel_for(0, kv_heads * key_tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t head = task / key_tasks;
      const int64_t first = task % key_tasks * kKeysPerTask;
      const int64_t last = std::min(first + kKeysPerTask, num_keys);
      kernel.pack_keys(at_row(keys, 0, head), keys.stride(0), first, last, head_dim,
                       packed_keys + head * packed_bytes);
      kernel.pack_values(at_row(values, 0, head), values.stride(0), first, last, head_dim,
                         packed_values + head * packed_bytes);
    }
  });

  const at::Tensor out = at::empty({n, num_heads, head_dim}, q.options());
  auto* to = static_cast<std::byte*>(out.mutable_data_ptr());
  const int64_t at_once = kernel.queries_at_once;
  const int64_t query_tasks = div_up(n, at_once);
  // Interleaved, so that each thread gets queries that see few and many keys.
  const int64_t num_tasks = num_heads * query_tasks;
  const int64_t num_threads = std::min<int64_t>(at::get_num_threads(), num_tasks);
  at::parallel_for(0, num_threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) {
      for (int64_t task = thread; task < num_tasks; task += num_threads) {
        const int64_t head = task / query_tasks;
        const int64_t first = task % query_tasks * at_once;
        const int64_t rows = std::min(at_once, n - first);
        kernel.attend({.q = at_row(q, first, head),
                       .ldq = q.stride(0),
                       .num_queries = rows,
                       .keys = packed_keys + head / group * packed_bytes,
                       .values = packed_values + head / group * packed_bytes,
                       .head_dim = head_dim,
                       .num_keys = causal ? num_keys - n + first + rows : num_keys,
                       .causal = causal,
                       .scale = static_cast<float>(scale),
                       .out = to + (first * num_heads + head) * head_dim * q.element_size(),
                       .ldo = num_heads * head_dim});
      }
    }
  });
  return out;
}

}  // namespace glmv::tensor
