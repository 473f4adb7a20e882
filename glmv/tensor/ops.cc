#include "glmv/tensor/ops.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "glmv/base/check.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/flash_attention.h"
#include "glmv/tensor/fused_ops.h"
#include "glmv/tensor/tile_linear.h"

namespace glmv::tensor {
namespace {

at::Tensor sdpa(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                const std::optional<at::Tensor>& mask, bool causal, double scale) {
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale);
}

// [G, L, E] -> [G * group, L, E], every head repeated for its queries.
at::Tensor repeat_heads(const at::Tensor& x, int64_t group) {
  if (group == 1) return x;
  return x.unsqueeze(1)
      .expand({x.size(0), group, x.size(1), x.size(2)})
      .reshape({x.size(0) * group, x.size(1), x.size(2)});
}

// [N, G, E] -> [N, G * group, E].
at::Tensor repeat_heads_of_rows(const at::Tensor& x, int64_t group) {
  if (group == 1) return x;
  return x.unsqueeze(2)
      .expand({x.size(0), x.size(1), group, x.size(2)})
      .reshape({x.size(0), x.size(1) * group, x.size(2)});
}

// b runs of n tokens each: one call.
at::Tensor attention_equal(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t b,
                           int64_t n, bool causal, double scale) {
  const auto batched = [&](const at::Tensor& x) {
    return x.view({b, n, x.size(1), x.size(2)}).transpose(1, 2);  // [b, H, n, E]
  };
  const at::Tensor out = sdpa(batched(q), batched(k), batched(v), std::nullopt, causal, scale);
  return out.transpose(1, 2).reshape({b * n, q.size(1), q.size(2)});
}

// Causal runs of different lengths, padded on the right: a padded position is never seen by a real
// one. Returns rows in the original order.
at::Tensor attention_padded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::span<const int64_t> lengths, int64_t longest, double scale) {
  const int64_t b = static_cast<int64_t>(lengths.size());
  std::vector<int64_t> gather(b * longest, 0);  // padded slot -> source row
  std::vector<int64_t> scatter;                 // source row -> padded slot
  int64_t row = 0;
  for (int64_t i = 0; i < b; ++i) {
    for (int64_t j = 0; j < lengths[i]; ++j) {
      gather[i * longest + j] = row++;
      scatter.push_back(i * longest + j);
    }
  }
  const auto index = [&](std::vector<int64_t>& values) {
    return at::tensor(at::ArrayRef<int64_t>(values), at::kLong).to(q.device());
  };
  const at::Tensor gather_index = index(gather);
  const auto padded = [&](const at::Tensor& x) { return x.index_select(0, gather_index); };
  const at::Tensor out = attention_equal(padded(q), padded(k), padded(v), b, longest, true, scale);
  return out.index_select(0, index(scatter));
}

std::atomic<const TrainingOps*> installed_ops = nullptr;

// Null unless `x` is something they are made for.
const TrainingOps* training_ops(const at::Tensor& x) {
  const bool suits = c10::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kFloat;
  return suits ? installed_ops.load() : nullptr;
}

// Rows of the weight that one task handles: its results stay in a small buffer.
constexpr int64_t kGemvRows = 64;

bool takes_gemv(const at::Tensor& x, const at::Tensor& weight) {
  return !c10::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kBFloat16 &&
         weight.scalar_type() == at::kBFloat16 && weight.is_contiguous() &&
         x.numel() <= kernels::kMaxGemvBatch * x.size(-1) && x.numel() > 0;
}

// y [..., out] of type T.
template <class T>
at::Tensor gemv(const at::Tensor& x_in, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor x = x_in.contiguous();
  const int64_t in = x.size(-1);
  const int64_t out = weight.size(0);
  const int batch = static_cast<int>(x.numel() / in);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = out;
  at::Tensor y = at::empty(shape, x.options().dtype(c10::CppTypeToScalarType<T>::value));
  const auto* w = reinterpret_cast<const uint16_t*>(weight.const_data_ptr<at::BFloat16>());
  const auto* rows = reinterpret_cast<const uint16_t*>(x.const_data_ptr<at::BFloat16>());
  const at::BFloat16* b = bias.defined() ? bias.const_data_ptr<at::BFloat16>() : nullptr;
  T* result = y.mutable_data_ptr<T>();
  const kernels::KernelTable& table = kernels::kernels();
  at::parallel_for(0, (out + kGemvRows - 1) / kGemvRows, 1, [&](int64_t begin, int64_t end) {
    float sums[kernels::kMaxGemvBatch * kGemvRows];
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kGemvRows;
      const int64_t last = std::min(first + kGemvRows, out);
      table.gemv_bf16(w, first, last, in, rows, batch, sums, kGemvRows);
      for (int i = 0; i < batch; ++i) {
        for (int64_t o = first; o < last; ++o) {
          const float bias_value = b == nullptr ? 0.0f : static_cast<float>(b[o]);
          result[i * out + o] = T(sums[i * kGemvRows + (o - first)] + bias_value);
        }
      }
    }
  });
  return y;
}

at::Tensor library_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
}

// For products of bf16 oneDNN makes a program for every number of rows that it meets, half a
// millisecond and 500 kB each, and prompts have any number of rows: they are filled up to one of a
// few. The least such number for `rows`.
int64_t rows_with_program(int64_t rows) {
  const int64_t step = rows <= 128 ? 32 : rows <= 512 ? 64 : 128;
  return (rows + step - 1) / step * step;
}

bool takes_filled_rows(const at::Tensor& x, const at::Tensor& weight) {
  return !c10::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kBFloat16 &&
         weight.scalar_type() == at::kBFloat16 && x.numel() > 0;
}

at::Tensor linear_with_filled_rows(const at::Tensor& x, const at::Tensor& weight,
                                   const at::Tensor& bias) {
  const int64_t in = x.size(-1), rows = x.numel() / in, filled = rows_with_program(rows);
  if (rows == filled) return library_linear(x, weight, bias);
  const at::Tensor input = at::empty({filled, in}, x.options());
  input.narrow(0, 0, rows).copy_(x.reshape({rows, in}));
  input.narrow(0, rows, filled - rows).zero_();
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  return library_linear(input, weight, bias).narrow(0, 0, rows).view(shape);
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (takes_gemv(x, weight)) return gemv<at::BFloat16>(x, weight, bias);
  if (takes_tile_linear(x, weight)) return tile_linear(x, weight, bias);
  if (takes_filled_rows(x, weight)) return linear_with_filled_rows(x, weight, bias);
  return library_linear(x, weight, bias);
}

at::Tensor linear_fp32(const at::Tensor& x, const at::Tensor& weight) {
  if (takes_gemv(x, weight)) return gemv<float>(x, weight, {});
  return at::linear(x.to(at::kFloat), weight.to(at::kFloat));
}

void set_training_ops(const TrainingOps* ops) { installed_ops = ops; }

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (const TrainingOps* ops = training_ops(x)) return ops->rms_norm(x, weight, eps);
  if (takes_fused(x) && weight.scalar_type() == x.scalar_type()) {
    return fused_rms_norm(x, weight, eps);
  }
  const at::Tensor x32 = x.to(at::kFloat);
  const at::Tensor scale = x32.square().mean(-1, true).add(eps).rsqrt();
  return weight * (x32 * scale).to(x.scalar_type());
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (takes_fused(gate) && takes_fused(up) && gate.scalar_type() == at::kBFloat16) {
    return fused_swiglu(gate, up);
  }
  return at::silu(gate) * up;
}

at::Tensor apply_rope(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                      bool interleaved) {
  if (const TrainingOps* ops = training_ops(x)) return ops->apply_rope(x, cos, sin, interleaved);
  const bool same = cos.scalar_type() == x.scalar_type() || cos.scalar_type() == at::kFloat;
  if (takes_fused(x) && same) return fused_rope(x, cos, sin, interleaved);
  const int64_t half = cos.size(-1);
  const int64_t rest = x.size(-1) - 2 * half;
  const at::Tensor c = cos.unsqueeze(1);  // [N, 1, R/2]
  const at::Tensor s = sin.unsqueeze(1);
  // split, chunk and unbind rather than narrow and select: their gradients are one concatenation
  // instead of a zero-filled tensor per piece.
  const std::vector<at::Tensor> parts = x.split_with_sizes({2 * half, rest}, -1);
  const at::Tensor rotated = parts[0].to(cos.scalar_type());
  const std::vector<at::Tensor> ab =
      interleaved ? rotated.unflatten(-1, {half, 2}).unbind(-1) : rotated.chunk(2, -1);
  const at::Tensor first = ab[0] * c - ab[1] * s;
  const at::Tensor second = ab[1] * c + ab[0] * s;
  at::Tensor out =
      interleaved ? at::stack({first, second}, -1).flatten(-2) : at::cat({first, second}, -1);
  out = out.to(x.scalar_type());
  return rest == 0 ? out : at::cat({out, parts[1]}, -1);
}

namespace {

at::Tensor flash_attention_runs(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                std::span<const int64_t> lengths, bool causal, double scale) {
  std::vector<at::Tensor> parts;
  int64_t begin = 0;
  for (const int64_t n : lengths) {
    parts.push_back(flash_attention(q.narrow(0, begin, n), k.narrow(0, begin, n),
                                    v.narrow(0, begin, n), causal, scale));
    begin += n;
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

}  // namespace

at::Tensor attention_runs(const at::Tensor& q, const at::Tensor& k_in, const at::Tensor& v_in,
                          std::span<const int64_t> lengths, bool causal, double scale) {
  const int64_t group = q.size(1) / k_in.size(1);
  const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  GLMV_CHECK(total == q.size(0), "runs of {} tokens, but {} rows", total, q.size(0));
  if (lengths.empty()) return at::zeros_like(q);
  if (takes_flash_attention(q, k_in)) {
    return flash_attention_runs(q, k_in, v_in, lengths, causal, scale);
  }

  const at::Tensor k = repeat_heads_of_rows(k_in, group);
  const at::Tensor v = repeat_heads_of_rows(v_in, group);
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  const int64_t num_runs = static_cast<int64_t>(lengths.size());
  const bool equal = longest * num_runs == total;
  if (equal) return attention_equal(q, k, v, num_runs, longest, causal, scale);
  // Padding wastes work on the longest run's account; past that, consecutive runs of one length go
  // together.
  if (causal && longest * num_runs <= 2 * total) {
    return attention_padded(q, k, v, lengths, longest, scale);
  }
  std::vector<at::Tensor> parts;
  int64_t begin = 0;
  for (size_t i = 0; i < lengths.size();) {
    size_t j = i;
    while (j < lengths.size() && lengths[j] == lengths[i]) ++j;
    const int64_t rows = static_cast<int64_t>(j - i) * lengths[i];
    parts.push_back(attention_equal(q.narrow(0, begin, rows), k.narrow(0, begin, rows),
                                    v.narrow(0, begin, rows), static_cast<int64_t>(j - i),
                                    lengths[i], causal, scale));
    begin += rows;
    i = j;
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

at::Tensor attention_cached(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                            double scale) {
  const int64_t n = q.size(0);
  const int64_t num_heads = q.size(1);
  const int64_t head_dim = q.size(2);
  const int64_t kv_heads = keys.size(0);
  const int64_t length = keys.size(1);
  const int64_t group = num_heads / kv_heads;
  if (n == 1) {
    // All heads of a group see the same keys: they are the rows of one small matrix.
    const at::Tensor rows = q.view({kv_heads, group, head_dim}).unsqueeze(0);
    return sdpa(rows, keys.unsqueeze(0), values.unsqueeze(0), std::nullopt, false, scale)
        .reshape({1, num_heads, head_dim});
  }
  if (takes_flash_attention(q, keys)) {
    return flash_attention(q, keys.transpose(0, 1), values.transpose(0, 1), true, scale);
  }
  const at::Tensor rows = q.transpose(0, 1).unsqueeze(0);  // [1, H, n, E]
  const at::Tensor k = repeat_heads(keys, group).unsqueeze(0);
  const at::Tensor v = repeat_heads(values, group).unsqueeze(0);
  std::optional<at::Tensor> mask;
  if (n != length) {
    mask = at::ones({n, length}, at::TensorOptions().dtype(at::kBool).device(q.device()))
               .tril(length - n);
  }
  const at::Tensor out = sdpa(rows, k, v, mask, n == length, scale);
  return out.squeeze(0).transpose(0, 1);
}

}  // namespace glmv::tensor
