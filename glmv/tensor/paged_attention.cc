#include "glmv/tensor/paged_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "glmv/base/check.h"
#include "glmv/kernels/kernel_table.h"

namespace glmv::tensor {
namespace {

// Tokens of a context that one task handles. Fixed, so that sums are cut the same way on every
// machine; small enough that a long context keeps many cores busy.
constexpr int64_t kSplitTokens = 512;

struct Part {
  int64_t row;
  int64_t head;   // of keys and values
  int64_t begin;  // token
  int64_t end;
};

// Joins the parts of one query head: out, max and sum of part p lie p * step apart.
void join(const float* out, const float* max, const float* sum, int64_t num_parts, int64_t step,
          int64_t head_dim, float* result) {
  const int64_t stat_step = step / head_dim;
  float top = max[0];
  for (int64_t p = 1; p < num_parts; ++p) top = std::max(top, max[p * stat_step]);
  float total = 0;
  std::fill(result, result + head_dim, 0.0f);
  for (int64_t p = 0; p < num_parts; ++p) {
    const float weight = std::exp(max[p * stat_step] - top);
    total += weight * sum[p * stat_step];
    const float* part = out + p * step;
    for (int64_t e = 0; e < head_dim; ++e) result[e] += weight * part[e];
  }
  for (int64_t e = 0; e < head_dim; ++e) result[e] /= total;
}

}  // namespace

bool takes_paged(at::ScalarType dtype, at::Device device, int64_t head_dim, bool int8) {
  return device.is_cpu() && (dtype == at::kBFloat16 || (dtype == at::kFloat && !int8)) &&
         head_dim % 16 == 0 && head_dim <= kernels::kMaxHeadDim;
}

at::Tensor attention_paged(const at::Tensor& q_in, const PagedLayer& layer,
                           std::span<const PagedRow> rows, double scale) {
  const at::Tensor q = q_in.contiguous();
  const int64_t num_heads = q.size(1);
  const int64_t head_dim = q.size(2);
  const int64_t group = num_heads / layer.kv_heads;
  GLMV_CHECK(takes_paged(q.scalar_type(), q.device(), head_dim, layer.int8) &&
                 static_cast<int64_t>(rows.size()) == q.size(0),
             "{} contexts for {} rows", rows.size(), q.size(0));
  const bool half = q.scalar_type() == at::kBFloat16;
  const kernels::KernelTable& table = kernels::kernels();
  const auto attend = layer.int8 ? table.attend_int8
                      : half     ? table.attend_bf16
                                 : table.attend_float;
  const auto size = static_cast<int64_t>(q.element_size());

  std::vector<Part> parts;
  std::vector<int64_t> first_part;  // of each row and head
  for (size_t r = 0; r < rows.size(); ++r) {
    for (int64_t head = 0; head < layer.kv_heads; ++head) {
      first_part.push_back(static_cast<int64_t>(parts.size()));
      for (int64_t begin = 0; begin < rows[r].length; begin += kSplitTokens) {
        parts.push_back(
            {static_cast<int64_t>(r), head, begin, std::min(begin + kSplitTokens, rows[r].length)});
      }
    }
  }
  first_part.push_back(static_cast<int64_t>(parts.size()));
  const auto num_parts = static_cast<int64_t>(parts.size());
  const int64_t step = group * head_dim;
  at::Tensor partial = at::empty({num_parts * (step + 2 * group)}, q.options().dtype(at::kFloat));
  float* out = partial.mutable_data_ptr<float>();
  float* max = out + num_parts * step;
  float* sum = max + num_parts * group;
  const auto* queries = static_cast<const std::byte*>(q.const_data_ptr());
  at::parallel_for(0, num_parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const Part& part = parts[p];
      const int64_t head_offset = part.head * layer.head_elements;
      const kernels::PagedHead kv = {rows[part.row].blocks, layer.key_offset + head_offset,
                                     layer.value_offset + head_offset, layer.block_tokens,
                                     head_dim};
      attend(kv, part.begin, part.end,
             queries + (part.row * num_heads + part.head * group) * head_dim * size, group,
             static_cast<float>(scale), out + p * step, max + p * group, sum + p * group);
    }
  });

  at::Tensor result = at::empty_like(q);
  const auto num_runs = static_cast<int64_t>(first_part.size()) - 1;
  for (int64_t run = 0; run < num_runs; ++run) {
    const int64_t p = first_part[run];
    for (int64_t h = 0; h < group; ++h) {
      float row[kernels::kMaxHeadDim];
      join(out + p * step + h * head_dim, max + p * group + h, sum + p * group + h,
           first_part[run + 1] - p, step, head_dim, row);
      const int64_t at = (run * group + h) * head_dim;
      if (half) {
        std::copy(row, row + head_dim, result.mutable_data_ptr<at::BFloat16>() + at);
      } else {
        std::copy(row, row + head_dim, result.mutable_data_ptr<float>() + at);
      }
    }
  }
  return result;
}

}  // namespace glmv::tensor
