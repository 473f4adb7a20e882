// Attention of one token over a long context, and of many queries: the 9B's text (32 heads, 2 of
// keys and values, width 128) and vision tower (12 heads, width 128).

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "bench/kernels/ladder.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/flash_attention.h"
#include "glmv/tensor/ops.h"

namespace glmv::bench {
namespace {

using kernels::KernelTable;

constexpr int64_t kWidth = 128;
constexpr float kScale = 0.088f;

Ladder decode(int64_t tokens) {
  constexpr int64_t kHeads = 32, kKvHeads = 2, kGroup = kHeads / kKvHeads, kBlock = 64;
  const int64_t blocks = tokens / kBlock;
  const int64_t bytes = 2 * kKvHeads * tokens * kWidth * 2;
  // As many contexts as no cache holds.
  const int64_t copies = std::max<int64_t>(1, (int64_t{512} << 20) / bytes);
  const at::Tensor store = at::randn({copies, kKvHeads, blocks, 2, kBlock, kWidth}, at::kBFloat16);
  const at::Tensor q = at::randn({1, kHeads, kWidth}, at::kBFloat16);
  auto turn = std::make_shared<int64_t>(0);
  Ladder ladder{.bytes = double(bytes), .operations = 4.0 * kHeads * tokens * kWidth};
  // One part a head of keys and values, as one sequence has it.
  const auto run = [=](const KernelTable& table) {
    *turn = (*turn + 1) % copies;
    const at::Tensor context = store[*turn];
    at::parallel_for(0, kKvHeads, 1, [&](int64_t begin, int64_t end) {
      std::vector<const void*> starts(blocks);
      std::vector<float> out(kGroup * kWidth), most(kGroup), sum(kGroup);
      for (int64_t g = begin; g < end; ++g) {
        const auto* first = static_cast<const uint16_t*>(context.const_data_ptr()) +
                            g * blocks * 2 * kBlock * kWidth;
        for (int64_t b = 0; b < blocks; ++b) starts[b] = first + b * 2 * kBlock * kWidth;
        table.attend_bf16({starts.data(), 0, kBlock * kWidth, kBlock, kWidth}, 0, tokens,
                          static_cast<const uint16_t*>(q.const_data_ptr()) + g * kGroup * kWidth,
                          kGroup, kScale, out.data(), most.data(), sum.data());
      }
    });
  };
  ladder.rungs.push_back({"reference", [=] { run(kernels::reference_kernels()); }});
  for (auto row = kernels::isa_rows().rbegin(); row != kernels::isa_rows().rend(); ++row) {
    if (!row->supported) continue;
    const KernelTable* table = row->table;
    ladder.rungs.push_back(
        {table->isa == "scalar" ? "simple" : std::string(table->isa), [=] { run(*table); }});
  }
  const at::Tensor keys = store.select(3, 0).reshape({copies, kKvHeads, tokens, kWidth});
  const at::Tensor values = store.select(3, 1).reshape({copies, kKvHeads, tokens, kWidth});
  ladder.rungs.push_back({"ATen sdpa", [=] {
                            *turn = (*turn + 1) % copies;
                            tensor::attention_cached(q, keys[*turn], values[*turn], kScale);
                          }});
  return ladder;
}

struct Shape {
  int64_t heads, kv_heads, queries, keys;
  bool causal;
  at::ScalarType dtype;
};

Ladder flash(const Shape& s) {
  const at::Tensor q = at::randn({s.queries, s.heads, kWidth}, s.dtype);
  const at::Tensor keys = at::randn({s.keys, s.kv_heads, kWidth}, s.dtype);
  const at::Tensor values = at::randn({s.keys, s.kv_heads, kWidth}, s.dtype);
  const double prefix = double(s.keys - s.queries);
  const double pairs = s.causal ? double(s.queries) * (prefix + 0.5 * double(s.queries + 1))
                                : double(s.queries) * double(s.keys);
  const bool half = s.dtype == at::kBFloat16;
  Ladder ladder{.bytes = double(2 * q.nbytes() + keys.nbytes() + values.nbytes()),
                .operations = 4 * pairs * double(s.heads) * kWidth,
                .limit = half ? Limit::kBf16 : Limit::kFp32};
  for (auto row = kernels::isa_rows().rbegin(); row != kernels::isa_rows().rend(); ++row) {
    const kernels::FlashAttention* kernel = half ? row->table->flash_bf16 : row->table->flash_float;
    if (!row->supported || kernel == nullptr) continue;
    ladder.rungs.push_back({std::string(row->table->isa), [=] {
                              tensor::flash_attention(*kernel, q, keys, values, s.causal, kScale);
                            }});
  }
  // As ATen's kernel wants it: heads first, keys and values repeated.
  const auto heads_first = [&](const at::Tensor& x) {
    return x.transpose(0, 1).repeat_interleave(s.heads / x.size(1), 0).unsqueeze(0);
  };
  const at::Tensor k = heads_first(keys), v = heads_first(values), rows = heads_first(q);
  std::optional<at::Tensor> mask;
  if (s.causal && prefix > 0) {
    mask = at::ones({s.queries, s.keys}, at::kBool).tril(s.keys - s.queries);
  }
  const bool square = s.causal && prefix == 0;
  ladder.rungs.push_back({"ATen sdpa", [=] {
                            at::scaled_dot_product_attention(rows, k, v, mask, 0.0, square, kScale);
                          }});
  return ladder;
}

}  // namespace

std::vector<NamedLadder> attention_ladders() {
  std::vector<NamedLadder> all;
  for (const int64_t tokens : {512, 4096, 32768}) {
    all.push_back(
        {fmt::format("decode attention, {} tokens", tokens), [tokens] { return decode(tokens); }});
  }
  for (const at::ScalarType dtype : {at::kBFloat16, at::kFloat}) {
    const auto add = [&](const char* what, int64_t heads, int64_t kv_heads, int64_t queries,
                         int64_t keys, bool causal) {
      const Shape shape = {heads, kv_heads, queries, keys, causal, dtype};
      all.push_back(
          {fmt::format("flash attention {}, {}", dtype == at::kFloat ? "fp32" : "bf16", what),
           [shape] { return flash(shape); }});
    };
    add("picture of 1,024 patches", 12, 12, 1024, 1024, false);
    add("prompt of 2,048", 32, 2, 2048, 2048, true);
    add("512 behind 3,584", 32, 2, 512, 4096, true);
  }
  return all;
}

}  // namespace glmv::bench
