// The grouped experts against an fp64 loop over the dequantised weights, for every format. Runs
// once for every instruction set that GLMV_FORCE_ISA can name (CMakeLists.txt).

#include "glmv/quant/grouped_mlp.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "glmv/kernels/kernel_table.h"
#include "glmv/quant/fp8_linear.h"
#include "glmv/quant/packed_linear.h"
#include "glmv/quant/tensors_for_test.h"
#include "glmv/quant/tile_products.h"

namespace glmv::quant {
namespace {

using checkpoint::Activations;

class GroupedMlp : public testing::Test {
 protected:
  void SetUp() override {
    const char* forced = std::getenv("GLMV_FORCE_ISA");
    if (forced == nullptr) return;
    if (!kernels::choose_kernels(forced)) GTEST_SKIP() << "this CPU has no " << forced;
    ASSERT_EQ(kernels::kernels().isa, forced);
  }
};

struct Made {
  Linear linear;
  at::Tensor weight;  // fp64, exactly what the Linear holds
};

struct Format {
  std::string name;
  std::function<Made(const at::Tensor& weight)> make;
  at::ScalarType dtype = at::kBFloat16;  // of x
  double gate = 0;  // relative error: rounding of x, of what is between the products, of weights
  bool sums_vary = false;
};

Made bf16(const at::Tensor& weight) {
  const at::Tensor half = weight.to(at::kBFloat16);
  return {make_unquantized("w", half), half.to(at::kDouble)};
}

Made packed(const at::Tensor& weight, int bits, int64_t group, Activations activations) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const auto rounded = round_to_nearest(weight, bits, in % group == 0 ? group : in);
  at::Tensor exact = at::empty({out, in}, at::kDouble);
  QuantizedRows rows;
  for (int64_t o = 0; o < out; ++o) {
    rounded->read(o, 1, rows);
    for (int64_t i = 0; i < in; ++i) {
      const int64_t g = i / rounded->shape().group;
      exact.mutable_data_ptr<double>()[o * in + i] =
          double(rows.q[i] - rows.zeros[g]) * double(rows.scales[g]);
    }
  }
  return {make_packed("w", *rounded, {}, activations), exact};
}

Made fp8(const at::Tensor& weight, int64_t block) {
  Fp8Weight w;
  const int64_t blocks = (weight.size(1) + block - 1) / block;
  w.scales = at::rand({weight.size(0), blocks}) * 0.01 + 0.001;
  w.codes = (weight * 100).clamp(-448, 448).to(at::kFloat8_e4m3fn);
  w.block = block;
  const at::Tensor exact = dequantise(w).to(at::kDouble);
  return {make_fp8("w", std::move(w), {}, Activations::kFloat), exact};
}

std::vector<Format> formats() {
  constexpr auto kWhole = Activations::kFloat, kInt8 = Activations::kInt8;
  constexpr int64_t kAll = 1 << 30;
  return {
      {"bf16", bf16, at::kBFloat16, 3e-3},
      {"int4", [](auto& w) { return packed(w, 4, 32, kWhole); }, at::kBFloat16, 4e-3, true},
      {"int4 fp32", [](auto& w) { return packed(w, 4, 32, kWhole); }, at::kFloat, 2e-6, true},
      {"int4 g24", [](auto& w) { return packed(w, 4, 24, kWhole); }, at::kBFloat16, 4e-3, true},
      {"int4 int8", [](auto& w) { return packed(w, 4, 64, kInt8); }, at::kBFloat16, 2e-2},
      {"int8", [](auto& w) { return packed(w, 8, kAll, kWhole); }, at::kBFloat16, 4e-3, true},
      {"int8 int8", [](auto& w) { return packed(w, 8, kAll, kInt8); }, at::kBFloat16, 2e-2},
      {"int8 int8 fp32", [](auto& w) { return packed(w, 8, 64, kInt8); }, at::kFloat, 2e-2},
      {"fp8", [](auto& w) { return fp8(w, w.size(1)); }, at::kBFloat16, 3e-3},
      {"fp8 blocks", [](auto& w) { return fp8(w, 32); }, at::kBFloat16, 4e-3},
      {"fp8 fp32", [](auto& w) { return fp8(w, 32); }, at::kFloat, 2e-6},
  };
}

struct Experts {
  std::vector<Made> gate, up, down;
  std::vector<GroupedExpert> grouped;

  Experts(const Format& format, int64_t num, int64_t in, int64_t width, int64_t out) {
    at::manual_seed(17);
    for (int64_t e = 0; e < num; ++e) {
      gate.push_back(format.make(at::randn({width, in}) / std::sqrt(double(in))));
      up.push_back(format.make(at::randn({width, in}) / std::sqrt(double(in))));
      down.push_back(format.make(at::randn({out, width}) / std::sqrt(double(width))));
      const auto ranges = [&](const Made& made) {
        return made.linear.method().ranges(format.dtype);
      };
      grouped.push_back({ranges(gate[e]), ranges(up[e]), ranges(down[e])});
    }
  }

  // In fp64; what is between the products rounded to x's dtype.
  at::Tensor reference(const at::Tensor& x, const at::Tensor& indices,
                       const at::Tensor& weights) const {
    at::Tensor y = at::zeros({x.size(0), down[0].weight.size(0)}, at::kDouble);
    const at::Tensor x64 = x.to(at::kDouble);
    for (size_t e = 0; e < gate.size(); ++e) {
      const at::Tensor hidden =
          at::silu(at::linear(x64, gate[e].weight)) * at::linear(x64, up[e].weight);
      const at::Tensor all = at::linear(hidden.to(x.scalar_type()).to(at::kDouble), down[e].weight);
      const at::Tensor factor =
          (weights.to(at::kDouble) * indices.eq(static_cast<int64_t>(e))).sum(-1, true);
      y = y + all * factor;
    }
    return y;
  }
};

struct Shape {
  int64_t in, width, out;
};
constexpr Shape kShapes[] = {{64, 96, 128}, {192, 320, 45}, {72, 40, 33}, {256, 128, 256}};
constexpr int64_t kExperts = 6;

// K different experts a token, in any order.
at::Tensor some_experts(int64_t tokens, int64_t top_k) {
  return at::rand({tokens, kExperts}).argsort(int64_t{-1}).narrow(1, 0, top_k).contiguous();
}

TEST_F(GroupedMlp, EqualsTheLoopInEveryFormatAndShape) {
  for (const Format& format : formats()) {
    for (const Shape& shape : kShapes) {
      const Experts experts(format, kExperts, shape.in, shape.width, shape.out);
      ASSERT_NE(experts.grouped[0].gate, nullptr) << format.name;
      for (const int64_t tokens : {1, 5, 40, 90}) {
        const at::Tensor x = at::randn({tokens, shape.in}).to(format.dtype);
        const at::Tensor indices = some_experts(tokens, 3);
        const at::Tensor weights = at::rand({tokens, 3});
        const at::Tensor y = grouped_mlp(experts.grouped, x, indices, weights);
        ASSERT_EQ(y.sizes(), at::IntArrayRef({tokens, shape.out}));
        EXPECT_LE(relative_error(y.to(at::kDouble), experts.reference(x, indices, weights)),
                  format.gate)
            << format.name << ", " << tokens << " tokens, in " << shape.in;
      }
    }
  }
}

TEST_F(GroupedMlp, AllTokensOnOneExpertAndExpertsWithoutTokens) {
  for (const Format& format : formats()) {
    const Experts experts(format, kExperts, 64, 96, 128);
    const at::Tensor x = at::randn({1100, 64}).to(format.dtype);  // more than a run holds
    for (const int64_t tokens : {3, 1100}) {
      const at::Tensor rows = x.narrow(0, 0, tokens);
      const at::Tensor indices = at::full({tokens, 1}, 4, at::kLong);
      const at::Tensor weights = at::rand({tokens, 1});
      const at::Tensor y = grouped_mlp(experts.grouped, rows, indices, weights);
      EXPECT_LE(relative_error(y.to(at::kDouble), experts.reference(rows, indices, weights)),
                format.gate)
          << format.name << " " << tokens;
    }
  }
  const Experts experts(formats()[0], kExperts, 64, 96, 128);
  const at::Tensor none = grouped_mlp(experts.grouped, at::empty({0, 64}, at::kBFloat16),
                                      at::empty({0, 3}, at::kLong), at::empty({0, 3}));
  EXPECT_EQ(none.sizes(), at::IntArrayRef({0, 128}));
}

// As decoding goes: few tokens. Nothing may depend on who else is in the batch, but for the order
// of fp32 sums over packed weights.
TEST_F(GroupedMlp, ATokenDoesNotSeeItsNeighboursNorTheThreads) {
  const int threads = at::get_num_threads();
  for (const Format& format : formats()) {
    const Experts experts(format, kExperts, 192, 320, 45);
    const int64_t tokens = kBf16TileRows - 1;
    const at::Tensor x = at::randn({tokens, 192}).to(format.dtype);
    const at::Tensor indices = some_experts(tokens, 3);
    const at::Tensor weights = at::rand({tokens, 3});
    const at::Tensor y = grouped_mlp(experts.grouped, x, indices, weights);
    for (int64_t n = 0; n < tokens; ++n) {
      const auto one = [n](const at::Tensor& t) { return t.narrow(0, n, 1); };
      const at::Tensor alone = grouped_mlp(experts.grouped, one(x), one(indices), one(weights));
      if (format.sums_vary) {
        EXPECT_LE(relative_error(alone, one(y)), 1e-3) << format.name;
      } else {
        EXPECT_TRUE(at::equal(alone, one(y))) << format.name;
      }
    }
    at::set_num_threads(1);
    EXPECT_TRUE(at::equal(grouped_mlp(experts.grouped, x, indices, weights), y)) << format.name;
    at::set_num_threads(threads);
    // The order in which a token names its experts does not matter either.
    EXPECT_TRUE(at::equal(grouped_mlp(experts.grouped, x, indices.flip(-1), weights.flip(-1)), y))
        << format.name;
  }
}

}  // namespace
}  // namespace glmv::quant
