// Operations against plain fp64 loops.

#include "glmv/tensor/ops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <set>
#include <thread>

namespace glmv::tensor {
namespace {

at::Tensor random(at::IntArrayRef shape, int64_t seed) {
  at::manual_seed(seed);
  return at::randn(shape, at::kFloat);
}

double max_abs(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// q [N, H, E], k, v [L, G, E]; query i (at sequence index offset + i) sees keys allowed(i, j).
template <class Allowed>
at::Tensor brute_attention(const at::Tensor& q_in, const at::Tensor& k_in, const at::Tensor& v_in,
                           double scale, Allowed allowed) {
  const at::Tensor q = q_in.to(at::kDouble);
  const at::Tensor k = k_in.to(at::kDouble);
  const at::Tensor v = v_in.to(at::kDouble);
  const int64_t group = q.size(1) / k.size(1);
  at::Tensor out = at::zeros_like(q);
  for (int64_t i = 0; i < q.size(0); ++i) {
    for (int64_t h = 0; h < q.size(1); ++h) {
      const int64_t g = h / group;
      at::Tensor scores = at::full({k.size(0)}, -INFINITY, at::kDouble);
      for (int64_t j = 0; j < k.size(0); ++j) {
        if (allowed(i, j)) scores[j] = q[i][h].dot(k[j][g]) * scale;
      }
      out[i][h] = at::matmul(scores.softmax(0), v.select(1, g));
    }
  }
  return out;
}

TEST(Ops, AttentionRunsNeverCrossRuns) {
  c10::InferenceMode no_grad;
  for (const std::vector<int64_t>& lengths :
       {std::vector<int64_t>{5}, {4, 4, 4}, {3, 5, 4, 4}, {1, 12, 2}, {6, 1, 1, 6}}) {
    int64_t n = 0;
    std::vector<int64_t> run_of;
    for (size_t r = 0; r < lengths.size(); ++r) {
      n += lengths[r];
      run_of.insert(run_of.end(), lengths[r], static_cast<int64_t>(r));
    }
    const at::Tensor q = random({n, 4, 8}, 1);
    const at::Tensor k = random({n, 2, 8}, 2);
    const at::Tensor v = random({n, 2, 8}, 3);
    for (bool causal : {false, true}) {
      const at::Tensor got = attention_runs(q, k, v, lengths, causal, 0.35);
      const at::Tensor want = brute_attention(q, k, v, 0.35, [&](int64_t i, int64_t j) {
        return run_of[i] == run_of[j] && (!causal || j <= i);
      });
      EXPECT_LE(max_abs(got, want), 1e-5) << "runs " << lengths.size() << " causal " << causal;
    }
  }
}

TEST(Ops, AttentionCachedSeesAllEarlierKeys) {
  c10::InferenceMode no_grad;
  for (int64_t n : {1, 3, 9}) {
    const int64_t length = 9;
    const at::Tensor q = random({n, 6, 8}, 4);
    const at::Tensor keys = random({2, length, 8}, 5);
    const at::Tensor values = random({2, length, 8}, 6);
    const at::Tensor got = attention_cached(q, keys, values, 0.3);
    const at::Tensor want =
        brute_attention(q, keys.transpose(0, 1), values.transpose(0, 1), 0.3,
                        [&](int64_t i, int64_t j) { return j <= length - n + i; });
    EXPECT_LE(max_abs(got, want), 1e-5) << n;
  }
}

TEST(Ops, RopeTurnsPairsAndLeavesTheRest) {
  const int64_t n = 5;
  const at::Tensor x = random({n, 2, 12}, 7);
  const at::Tensor angles = random({n, 4}, 8);
  for (bool interleaved : {true, false}) {
    const at::Tensor got = apply_rope(x, angles.cos(), angles.sin(), interleaved);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t h = 0; h < 2; ++h) {
        for (int64_t p = 0; p < 4; ++p) {
          const int64_t a = interleaved ? 2 * p : p;
          const int64_t b = interleaved ? 2 * p + 1 : p + 4;
          const double c = std::cos(angles[i][p].item<double>());
          const double s = std::sin(angles[i][p].item<double>());
          const double xa = x[i][h][a].item<double>();
          const double xb = x[i][h][b].item<double>();
          EXPECT_NEAR(got[i][h][a].item<double>(), xa * c - xb * s, 1e-6);
          EXPECT_NEAR(got[i][h][b].item<double>(), xb * c + xa * s, 1e-6);
        }
        for (int64_t e = 8; e < 12; ++e) {
          EXPECT_EQ(got[i][h][e].item<double>(), x[i][h][e].item<double>());
        }
      }
    }
  }
}

TEST(Ops, RmsNormCastsBeforeTheWeight) {
  const at::Tensor x = random({3, 64}, 9);
  const at::Tensor weight = random({64}, 10);
  const at::Tensor x64 = x.to(at::kDouble);
  const at::Tensor want =
      x64 * (x64.square().mean(-1, true) + 1e-5).rsqrt() * weight.to(at::kDouble);
  EXPECT_LE(max_abs(rms_norm(x, weight, 1e-5), want), 1e-5);
  // In bf16 the normalised value is rounded first, then the product.
  const at::Tensor xb = x.to(at::kBFloat16);
  const at::Tensor wb = weight.to(at::kBFloat16);
  const at::Tensor f = xb.to(at::kFloat);
  const at::Tensor normed = (f * (f.square().mean(-1, true) + 1e-5).rsqrt()).to(at::kBFloat16);
  EXPECT_TRUE(at::equal(rms_norm(xb, wb, 1e-5), wb * normed));
}

TEST(Ops, LinearOfBf16RowsEqualsTheRoundedProduct) {
  c10::InferenceMode no_grad;
  for (int64_t rows : {1, 2, 3, 8, 9, 31, 32, 33, 130, 513}) {
    for (int64_t out : {1, 63, 64, 130}) {
      const at::Tensor x = random({rows, 96}, 11).to(at::kBFloat16);
      const at::Tensor weight = random({out, 96}, 12).to(at::kBFloat16);
      const at::Tensor bias = random({out}, 13).to(at::kBFloat16);
      for (const at::Tensor& b : {at::Tensor(), bias}) {
        at::Tensor want = at::matmul(x.to(at::kDouble), weight.to(at::kDouble).t());
        if (b.defined()) want = want + b.to(at::kDouble);
        const at::Tensor got = tensor::linear(x, weight, b);
        ASSERT_EQ(got.sizes(), want.sizes());
        // One rounding to bf16: half a unit in the last of 8 bits.
        const at::Tensor gate = want.abs() * 0x1p-8 + 1e-4;
        EXPECT_TRUE(((got.to(at::kDouble) - want).abs() <= gate).all().item<bool>())
            << rows << " x " << out;
      }
    }
  }
}

// Filled up or not: what a row gives does not depend on how many there are.
TEST(Ops, LinearOfManyBf16RowsGivesEachTheSame) {
  c10::InferenceMode no_grad;
  const at::Tensor weight = random({130, 96}, 17).to(at::kBFloat16);
  const at::Tensor x = random({2, 160, 96}, 18).to(at::kBFloat16);
  const at::Tensor all = tensor::linear(x, weight, at::Tensor());
  for (int64_t rows : {40, 64, 100, 129, 159}) {
    const at::Tensor some = tensor::linear(x.narrow(1, 0, rows), weight, at::Tensor());
    ASSERT_EQ(some.sizes(), (std::vector<int64_t>{2, rows, 130}));
    EXPECT_TRUE(at::equal(some, all.narrow(1, 0, rows))) << rows;
  }
}

#ifdef _OPENMP
// at::parallel_for silently runs on one thread when the code that calls it is built without OpenMP.
TEST(Ops, LoopsRunOnAllThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  at::parallel_for(0, 2, 1, [&](int64_t, int64_t) {
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  at::set_num_threads(before);
  EXPECT_EQ(seen.size(), 2);
}
#endif

TEST(Ops, LinearRecordsTheGraphWhenTraining) {
  at::Tensor weight = random({4, 8}, 14).to(at::kBFloat16);
  weight.requires_grad_(true);
  const at::Tensor y = tensor::linear(random({2, 8}, 15).to(at::kBFloat16), weight, at::Tensor());
  EXPECT_TRUE(y.requires_grad());
}

// The fused operations against what they replace.
TEST(FusedOps, EqualTheCompositions) {
  at::manual_seed(5);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = at::randn({37, 6, 40}, at::kFloat).to(dtype);
    const at::Tensor w = at::randn({40}, at::kFloat).to(dtype);
    const at::Tensor scaled = x.to(at::kFloat);
    const at::Tensor norm =
        w * (scaled * scaled.square().mean(-1, true).add(1e-5).rsqrt()).to(dtype);
    // A sum in another order may round the other way: one step of bf16.
    const double step = dtype == at::kFloat ? 2e-6 : 0.02;
    const c10::InferenceMode no_grad;
    EXPECT_LE(max_abs(rms_norm(x, w, 1e-5), norm), step);
    const at::Tensor gate = at::randn({9, 80}, at::kFloat).mul(8).to(dtype);
    const std::vector<at::Tensor> halves = gate.chunk(2, -1);  // rows that are not contiguous
    EXPECT_LE(max_abs(swiglu(halves[0], halves[1]), at::silu(halves[0]) * halves[1]),
              dtype == at::kFloat ? 0.0 : 0.25);
    for (const at::ScalarType angles : {at::kFloat, dtype}) {
      const at::Tensor cos = at::rand({37, 16}, at::kFloat).to(angles);
      const at::Tensor sin = at::rand({37, 16}, at::kFloat).to(angles);
      for (const bool interleaved : {true, false}) {
        const at::Tensor got =
            apply_rope(x.transpose(0, 1).contiguous().transpose(0, 1), cos, sin, interleaved);
        const at::Tensor a = interleaved ? x.narrow(2, 0, 32).unflatten(-1, {16, 2}).select(-1, 0)
                                         : x.narrow(2, 0, 16);
        const at::Tensor b = interleaved ? x.narrow(2, 0, 32).unflatten(-1, {16, 2}).select(-1, 1)
                                         : x.narrow(2, 16, 16);
        const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
        const at::Tensor first = (a.to(angles) * c - b.to(angles) * s).to(dtype);
        const at::Tensor second = (b.to(angles) * c + a.to(angles) * s).to(dtype);
        const at::Tensor want = at::cat({interleaved ? at::stack({first, second}, -1).flatten(-2)
                                                     : at::cat({first, second}, -1),
                                         x.narrow(2, 32, 8)},
                                        -1);
        // In bf16 every product is rounded as ATen's are.
        EXPECT_LE(max_abs(got, want), dtype == at::kFloat ? 1e-6 : 0.0);
      }
    }
  }
}

TEST(FusedOps, NotANumberStaysOne) {
  const c10::InferenceMode no_grad;
  at::Tensor x = at::ones({2, 32}, at::kBFloat16);
  x[1][3] = NAN;
  const at::Tensor w = at::ones({32}, at::kBFloat16);
  EXPECT_TRUE(rms_norm(x, w, 1e-5)[1].isnan().all().item<bool>());
  EXPECT_TRUE(swiglu(x, x)[1][3].isnan().item<bool>());
  EXPECT_FALSE(swiglu(x, x)[0].isnan().any().item<bool>());
  const at::Tensor large = at::full({1, 3}, 300.0, at::kBFloat16);
  EXPECT_TRUE(at::equal(swiglu(large, w.narrow(0, 0, 3).unsqueeze(0)), large));
  EXPECT_NEAR(swiglu(large.neg(), large)[0][0].item<float>(), 0.0f, 1e-20);
}

}  // namespace
}  // namespace glmv::tensor
