#include "glmv/tensor/paged_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "glmv/tensor/ops.h"

namespace glmv::tensor {
namespace {

constexpr int64_t kBlock = 64;

// Contexts of several lengths whose blocks lie mixed in one store [blocks, 2, G, kBlock, E].
struct Contexts {
  Contexts(const std::vector<int64_t>& lengths, int64_t kv_heads, int64_t width,
           at::ScalarType dtype) {
    for (const int64_t length : lengths) {
      keys.push_back(at::randn({kv_heads, length, width}).to(dtype));
      values.push_back(at::randn({kv_heads, length, width}).to(dtype));
    }
    int64_t num_blocks = 0;
    for (const int64_t length : lengths) num_blocks += (length + kBlock - 1) / kBlock;
    store = at::full({num_blocks, 2, kv_heads, kBlock, width}, std::nan(""), dtype);
    blocks.resize(lengths.size());
    int64_t next = 0;
    for (int64_t b = 0; next < num_blocks; ++b) {
      for (size_t s = 0; s < lengths.size(); ++s) {
        const int64_t n = std::min(kBlock, lengths[s] - b * kBlock);
        if (n <= 0) continue;
        store[next][0].narrow(1, 0, n).copy_(keys[s].narrow(1, b * kBlock, n));
        store[next][1].narrow(1, 0, n).copy_(values[s].narrow(1, b * kBlock, n));
        blocks[s].push_back(store[next++].data_ptr());
      }
    }
    for (size_t s = 0; s < lengths.size(); ++s) rows.push_back({blocks[s].data(), lengths[s]});
    layer = {kBlock, kv_heads, 0, kv_heads * kBlock * width, kBlock * width};
  }
  std::vector<at::Tensor> keys, values;
  at::Tensor store;
  std::vector<std::vector<const void*>> blocks;
  std::vector<PagedRow> rows;
  PagedLayer layer;
};

TEST(PagedAttention, EqualsAttentionInDoublePrecision) {
  at::manual_seed(3);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t group : {1, 3, 16}) {
      const std::vector<int64_t> lengths = {1, 64, 511, 512, 513, 1300};
      const Contexts contexts(lengths, 2, 32, dtype);
      const at::Tensor q = at::randn({6, 2 * group, 32}).to(dtype);
      const at::Tensor got = attention_paged(q, contexts.layer, contexts.rows, 0.2);
      ASSERT_EQ(got.scalar_type(), dtype);
      for (int64_t s = 0; s < 6; ++s) {
        const at::Tensor want =
            attention_cached(q.narrow(0, s, 1).to(at::kDouble), contexts.keys[s].to(at::kDouble),
                             contexts.values[s].to(at::kDouble), 0.2);
        const double error =
            (got.narrow(0, s, 1).to(at::kDouble) - want).abs().max().item<double>();
        EXPECT_LE(error, dtype == at::kFloat ? 2e-6 : 2e-2) << group << " " << lengths[s];
      }
    }
  }
}

TEST(PagedAttention, ARowIsTheSameInEveryBatchAndForEveryNumberOfThreads) {
  at::manual_seed(4);
  const Contexts contexts({700, 3, 2100}, 2, 64, at::kBFloat16);
  const at::Tensor q = at::randn({3, 8, 64}).to(at::kBFloat16);
  const at::Tensor all = attention_paged(q, contexts.layer, contexts.rows, 0.125);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  for (int64_t s = 0; s < 3; ++s) {
    EXPECT_TRUE(at::equal(attention_paged(q.narrow(0, s, 1), contexts.layer,
                                          std::span(contexts.rows).subspan(s, 1), 0.125),
                          all.narrow(0, s, 1)));
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace glmv::tensor
