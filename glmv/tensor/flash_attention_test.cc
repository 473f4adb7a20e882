// Attention of many queries on tensors against fp64. Runs once for every instruction set that
// GLMV_FORCE_ISA can name (CMakeLists.txt).

#include "glmv/tensor/flash_attention.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "glmv/kernels/kernel_table.h"
#include "glmv/tensor/ops.h"

namespace glmv::tensor {
namespace {

class FlashOps : public testing::Test {
 protected:
  void SetUp() override {
    const char* forced = std::getenv("GLMV_FORCE_ISA");
    if (forced == nullptr) return;
    if (!kernels::choose_kernels(forced)) GTEST_SKIP() << "this CPU has no " << forced;
    ASSERT_EQ(kernels::kernels().isa, forced);
  }
  c10::InferenceMode no_grad_;
};

// q [n, H, E], keys, values [L, G, E] -> [n, H, E] in fp64.
at::Tensor reference(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                     bool causal, double scale) {
  const auto heads_first = [&](const at::Tensor& x) {
    return x.to(at::kDouble).transpose(0, 1).repeat_interleave(q.size(1) / x.size(1), 0);
  };
  at::Tensor scores = heads_first(q).matmul(heads_first(keys).transpose(1, 2)).mul(scale);
  if (causal) {
    const at::Tensor seen =
        at::ones({q.size(0), keys.size(0)}, at::kBool).tril(keys.size(0) - q.size(0));
    scores = scores.masked_fill(seen.logical_not(), -INFINITY);
  }
  return scores.softmax(-1).matmul(heads_first(values)).transpose(0, 1);
}

double relative_error(const at::Tensor& got, const at::Tensor& want) {
  return ((got.to(at::kDouble) - want).norm() / want.norm()).item<double>();
}

double bound(at::ScalarType dtype) { return dtype == at::kFloat ? 1e-6 : 4e-3; }

TEST_F(FlashOps, PrefixesHeadsAndWidths) {
  struct Case {
    int64_t heads, kv_heads, queries, keys, width;
    bool causal;
  };
  for (const Case& c : {Case{4, 2, 100, 100, 64, true}, Case{6, 2, 50, 333, 128, true},
                        Case{3, 3, 130, 130, 72, false}, Case{2, 1, 9, 600, 80, true},
                        Case{4, 4, 97, 97, 48, false}, Case{8, 1, 33, 129, 256, true}}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      at::manual_seed(c.width);
      // Cut from the rows of one projection, as the models have them.
      const at::Tensor q =
          at::randn({c.queries, c.heads * 2, c.width}).to(dtype).narrow(1, 0, c.heads);
      const at::Tensor kv = at::randn({c.keys, 2 * c.kv_heads, c.width}).to(dtype);
      const at::Tensor keys = kv.narrow(1, 0, c.kv_heads);
      const at::Tensor values = kv.narrow(1, c.kv_heads, c.kv_heads);
      if (kernels::kernels().flash_bf16 == nullptr) {
        EXPECT_FALSE(takes_flash_attention(q, keys));
        continue;
      }
      ASSERT_TRUE(takes_flash_attention(q, keys));
      const at::Tensor got = flash_attention(q, keys, values, c.causal, 0.11);
      EXPECT_LE(relative_error(got, reference(q, keys, values, c.causal, 0.11)), bound(dtype))
          << c.heads << " " << c.queries << " " << c.keys << " " << c.width;
    }
  }
}

TEST_F(FlashOps, PicturesSeeOnlyThemselves) {
  const std::vector<int64_t> lengths = {70, 12, 200, 3, 70};
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    at::manual_seed(5);
    const at::Tensor q = at::randn({355, 3, 64}).to(dtype);
    const at::Tensor k = at::randn({355, 3, 64}).to(dtype);
    const at::Tensor v = at::randn({355, 3, 64}).to(dtype);
    const at::Tensor got = attention_runs(q, k, v, lengths, false, 0.125);
    int64_t first = 0;
    for (const int64_t n : lengths) {
      const auto part = [&](const at::Tensor& x) { return x.narrow(0, first, n); };
      EXPECT_LE(relative_error(part(got), reference(part(q), part(k), part(v), false, 0.125)),
                bound(dtype))
          << first;
      first += n;
    }
  }
}

TEST_F(FlashOps, WhatItDoesNotTake) {
  const at::Tensor x = at::randn({40, 2, 64});
  EXPECT_FALSE(takes_flash_attention(x.narrow(0, 0, 4), x));  // few queries
  EXPECT_FALSE(takes_flash_attention(x.to(at::kHalf), x.to(at::kHalf)));
  EXPECT_FALSE(takes_flash_attention(x, x.to(at::kBFloat16)));
  EXPECT_FALSE(takes_flash_attention(x.narrow(2, 0, 63), x.narrow(2, 0, 63)));  // an odd width
  EXPECT_FALSE(takes_flash_attention(x.transpose(0, 2), x.transpose(0, 2)));
  const at::Tensor wide = at::randn({40, 1, 258});
  EXPECT_FALSE(takes_flash_attention(wide, wide));
}

}  // namespace
}  // namespace glmv::tensor
