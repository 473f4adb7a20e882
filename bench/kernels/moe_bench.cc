// The experts of one layer at GLM-4.5V's shapes: grouped_mlp() beside a loop over the experts with
// one product after the other, in turn, for every format of weights. Tokens choose at random.
//   moe_bench [bf16|fp8|int8-int8|int8-bf16|int4-int8|int4-bf16 [tokens ...]]
// Negative numbers of tokens: grouped_mlp() alone.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "glmv/kernels/kernel_table.h"
#include "glmv/quant/fp8_linear.h"
#include "glmv/quant/grouped_mlp.h"
#include "glmv/quant/packed_linear.h"
#include "glmv/tensor/activation_memory.h"
#include "glmv/tensor/weight_memory.h"

namespace {

using glmv::checkpoint::Activations;
using glmv::quant::Linear;

constexpr int64_t kExperts = 128, kTopK = 8, kIn = 4096, kWidth = 1408;
constexpr int kRounds = 5;

// A copy of `weight` in `memory`, in this format.
Linear make(const std::string& format, const at::Tensor& weight, Activations activations,
            glmv::tensor::WeightMemory& memory) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const auto copy = [&memory](const at::Tensor& t) {
    const at::Tensor bytes = memory.allocate(static_cast<int64_t>(t.nbytes()));
    return bytes.view(t.scalar_type()).view(t.sizes()).copy_(t);
  };
  if (format == "bf16") return glmv::quant::make_unquantized("w", copy(weight));
  if (format == "fp8") {
    glmv::quant::Fp8Weight w;
    w.codes = copy((weight * 100).to(at::kFloat8_e4m3fn));
    w.scales = at::full({out, 1}, 0.01, at::kFloat);
    w.block = in;
    return glmv::quant::make_fp8("w", std::move(w), {}, Activations::kFloat);
  }
  const int bits = format == "int8" ? 8 : 4;
  const auto rounded = glmv::quant::round_to_nearest(weight, bits, bits == 8 ? in : 128);
  return glmv::quant::make_packed("w", *rounded, {}, activations,
                                  memory.allocate(rounded->shape().num_bytes()));
}

struct Expert {
  Linear gate, up, down;
};

at::Tensor one_by_one(const std::vector<Expert>& experts, const at::Tensor& x,
                      const at::Tensor& indices, const at::Tensor& weights) {
  at::Tensor sum = at::zeros({x.size(0), kIn}, at::kFloat);
  std::vector<std::vector<int64_t>> slots(experts.size());
  const int64_t* ids = indices.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < indices.numel(); ++i) slots[ids[i]].push_back(i);
  for (size_t e = 0; e < experts.size(); ++e) {
    if (slots[e].empty()) continue;
    const at::Tensor slot = at::tensor(at::ArrayRef<int64_t>(slots[e]), at::kLong);
    const at::Tensor rows = slot.floor_divide(kTopK);
    const at::Tensor in = x.index_select(0, rows);
    const at::Tensor y =
        experts[e].down(experts[e].gate.method().apply_gated(experts[e].up.method(), in));
    sum.index_add_(0, rows,
                   y.to(at::kFloat) * weights.reshape({-1}).index_select(0, slot).unsqueeze(1));
  }
  return sum;
}

double ms_of(const auto& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

void measure(const std::string& format, const std::string& activations,
             const std::vector<Expert>& experts, int64_t tokens) {
  const bool alone = tokens < 0;
  tokens = std::abs(tokens);
  std::vector<glmv::quant::GroupedExpert> grouped;
  for (const Expert& e : experts) {
    const auto ranges = [](const Linear& linear) { return linear.method().ranges(at::kBFloat16); };
    grouped.push_back({ranges(e.gate), ranges(e.up), ranges(e.down)});
  }
  const double bytes = format == "bf16" ? 2 : format == "int4" ? 0.5 + 6.0 / 128 : 1;
  const int64_t calls = std::max<int64_t>(1, 24 / tokens);
  std::vector<double> ours, loop;
  double touched = 0;
  for (int round = 0; round <= kRounds; ++round) {
    std::vector<at::Tensor> x, indices;
    for (int64_t i = 0; i < calls; ++i) {  // other tokens, so that no cache holds their experts
      x.push_back(at::randn({tokens, kIn}, at::kBFloat16));
      indices.push_back(
          at::rand({tokens, kExperts}).argsort(int64_t{-1}).narrow(1, 0, kTopK).contiguous());
    }
    const at::Tensor weights = at::rand({tokens, kTopK});
    const double a = ms_of([&] {
      for (int64_t i = 0; i < calls; ++i)
        glmv::quant::grouped_mlp(grouped, x[i], indices[i], weights);
    });
    const double b = ms_of([&] {
      for (int64_t i = 0; i < calls && !alone; ++i) one_by_one(experts, x[i], indices[i], weights);
    });
    if (round == 0) continue;
    ours.push_back(a / double(calls));
    loop.push_back(b / double(calls));
    touched = 0;
    for (const at::Tensor& t : indices) {
      const int64_t* ids = t.const_data_ptr<int64_t>();
      touched += double(std::set<int64_t>(ids, ids + t.numel()).size()) / double(calls);
    }
  }
  std::ranges::sort(ours);
  std::ranges::sort(loop);
  const double gb = touched * 3 * double(kIn * kWidth) * bytes / 1e9;
  const double gflop = 6.0 * double(tokens * kTopK * kIn * kWidth) / 1e9;
  const double a = ours[kRounds / 2], b = loop[kRounds / 2];
  fmt::print(
      "{:>5} {:>5} {:>5} tokens: {:8.2f} ms {:6.1f} GB/s {:6.0f} GFLOP/s   one by one {:8.2f} "
      "ms   {:.2f}x (best {:.2f}x)\n",
      format, activations, tokens, a, gb / a * 1e3, gflop / a * 1e3, b, b / a, loop[0] / ours[0]);
}

}  // namespace

int main(int argc, char** argv) {
  glmv::tensor::keep_activation_memory();
  const c10::InferenceMode inference;
  fmt::print("{} experts of {} x {}, {} of them a token, {}, {} threads\n", kExperts, kWidth, kIn,
             kTopK, glmv::kernels::kernels().isa, at::get_num_threads());
  const at::Tensor up = at::empty({kWidth, kIn}, at::kBFloat16).uniform_(-0.03, 0.03);
  const at::Tensor down = at::empty({kIn, kWidth}, at::kBFloat16).uniform_(-0.03, 0.03);
  std::vector<int64_t> tokens;
  for (int i = 2; i < argc; ++i) tokens.push_back(std::stoll(argv[i]));
  if (tokens.empty()) tokens = {1, 4, 8, 64, 512, 2048};
  for (const std::string format : {"int4", "int8", "fp8", "bf16"}) {
    for (const Activations activations : {Activations::kInt8, Activations::kFloat}) {
      const bool packed = format == "int4" || format == "int8";
      if (!packed && activations == Activations::kInt8) continue;
      const std::string name = activations == Activations::kInt8 ? "int8" : "bf16";
      if (argc > 1 && (packed ? format + "-" + name : format) != argv[1]) continue;
      glmv::tensor::WeightMemory memory;
      std::vector<Expert> experts;
      for (int64_t e = 0; e < kExperts; ++e) {
        experts.push_back({make(format, up, activations, memory),
                           make(format, up, activations, memory),
                           make(format, down, activations, memory)});
      }
      for (const int64_t n : tokens) {
        measure(format, packed ? name : "", experts, n);
      }
    }
  }
}
