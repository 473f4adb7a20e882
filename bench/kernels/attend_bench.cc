// Decode attention: our kernel over blocks beside ATen's scaled_dot_product_attention over the same
// keys and values end to end. One token of one sequence, in turn, with memory that no cache holds:
//   attend_bench [heads kv_heads head_dim [MiB of contexts, 512]]

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/ops.h"
#include "glmv/tensor/paged_attention.h"

namespace {

constexpr int64_t kBlock = 64;
constexpr int kRounds = 7;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

template <class F>
double us_per_call(int64_t calls, const F& call) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < calls; ++i) call(i);
  const std::chrono::duration<double, std::micro> elapsed =
      std::chrono::steady_clock::now() - start;
  return elapsed.count() / static_cast<double>(calls);
}

void measure(int64_t heads, int64_t kv_heads, int64_t width, int64_t length, int64_t total_bytes) {
  const int64_t num_blocks = length / kBlock;
  const int64_t bytes = 2 * kv_heads * length * width * 2;
  // As many contexts as layers would have: each is read once before it comes round again.
  const int64_t copies = std::max<int64_t>(1, total_bytes / bytes);
  const at::Tensor store =
      at::randn({copies, num_blocks, 2, kv_heads, kBlock, width}, at::kBFloat16);
  std::vector<at::Tensor> keys, values;
  std::vector<std::vector<const void*>> blocks(copies);
  for (int64_t c = 0; c < copies; ++c) {
    const auto flat = [&](int64_t which) {
      return store[c].select(1, which).transpose(0, 1).reshape({kv_heads, length, width});
    };
    keys.push_back(flat(0));
    values.push_back(flat(1));
    for (int64_t b = 0; b < num_blocks; ++b) blocks[c].push_back(store[c][b].data_ptr());
  }
  const at::Tensor q = at::randn({1, heads, width}, at::kBFloat16);
  const double scale = 0.088;
  const glmv::tensor::PagedLayer layer = {kBlock, kv_heads, 0, kv_heads * kBlock * width,
                                          kBlock * width};
  std::vector<double> ours, aten;
  for (int round = 0; round < kRounds; ++round) {
    ours.push_back(us_per_call(copies, [&](int64_t c) {
      const glmv::tensor::PagedRow row = {blocks[c].data(), length};
      glmv::tensor::attention_paged(q, layer, std::span(&row, 1), scale);
    }));
    aten.push_back(us_per_call(
        copies, [&](int64_t c) { glmv::tensor::attention_cached(q, keys[c], values[c], scale); }));
  }
  const double a = median(ours), b = median(aten);
  fmt::print(
      "{:>7} tokens: ours {:9.1f} us {:6.1f} GB/s   ATen {:9.1f} us {:6.1f} GB/s   {:.2f}x\n",
      length, a, double(bytes) / a / 1e3, b, double(bytes) / b / 1e3, b / a);
}

}  // namespace

int main(int argc, char** argv) {
  const c10::InferenceMode inference;
  const auto number = [&](int i, int64_t otherwise) {
    return argc > i ? std::strtoll(argv[i], nullptr, 10) : otherwise;
  };
  const int64_t heads = number(1, 32), kv_heads = number(2, 2), width = number(3, 128);
  fmt::print("{} heads, {} of keys and values, width {}, bf16, {}, {} threads\n", heads, kv_heads,
             width, glmv::kernels::kernels().isa, at::get_num_threads());
  for (const int64_t length : {512, 4096, 32768}) {
    measure(heads, kv_heads, width, length, number(4, 512) << 20);
  }
}
