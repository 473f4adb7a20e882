// Norms, gates and rotary embeddings of one token and of a prompt: fused in one pass, beside ATen's
// compositions.

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench/kernels/ladder.h"
#include "glmv/tensor/fused_ops.h"

namespace glmv::bench {
namespace {

constexpr int64_t kHidden = 4096;
constexpr int64_t kInner = 13696;

Ladder norm(int64_t rows) {
  const at::Tensor x = at::randn({rows, kHidden}, at::kBFloat16);
  const at::Tensor weight = at::randn({kHidden}, at::kBFloat16);
  return {.bytes = 4.0 * double(x.numel()),
          .operations = 4.0 * double(x.numel()),
          .rungs = {{"fused", [=] { tensor::fused_rms_norm(x, weight, 1e-5); }},
                    {"ATen composed", [=] {
                       const at::Tensor x32 = x.to(at::kFloat);
                       const at::Tensor scale = x32.square().mean(-1, true).add(1e-5).rsqrt();
                       weight*(x32 * scale).to(at::kBFloat16);
                     }}}};
}

Ladder gate(int64_t rows) {
  const at::Tensor both = at::randn({rows, 2 * kInner}, at::kBFloat16);
  const at::Tensor gate = both.narrow(1, 0, kInner), up = both.narrow(1, kInner, kInner);
  return {.bytes = 6.0 * double(rows * kInner),
          .operations = 12.0 * double(rows * kInner),
          .rungs = {{"fused", [=] { tensor::fused_swiglu(gate, up); }},
                    {"ATen composed", [=] { at::silu(gate) * up; }}}};
}

Ladder rotary(int64_t rows, bool interleaved) {
  const at::Tensor x = at::randn({rows, 32, 128}, at::kBFloat16);
  const at::Tensor cos = at::randn({rows, 32}, at::kBFloat16);
  const at::Tensor sin = at::randn({rows, 32}, at::kBFloat16);
  return {.bytes = 4.0 * double(x.numel()),
          .operations = 3.0 * double(x.numel()) / 2,
          .rungs = {{"fused", [=] { tensor::fused_rope(x, cos, sin, interleaved); }},
                    {"ATen composed", [=] {
                       const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
                       const auto parts = x.split_with_sizes({64, 64}, -1);
                       const auto ab = interleaved ? parts[0].unflatten(-1, {32, 2}).unbind(-1)
                                                   : parts[0].chunk(2, -1);
                       const at::Tensor u = ab[0] * c - ab[1] * s, v = ab[1] * c + ab[0] * s;
                       at::cat(
                           {interleaved ? at::stack({u, v}, -1).flatten(-2) : at::cat({u, v}, -1),
                            parts[1]},
                           -1);
                     }}}};
}

}  // namespace

std::vector<NamedLadder> row_ladders() {
  std::vector<NamedLadder> all;
  for (const int64_t rows : {1, 512}) {
    const auto name = [rows](const char* what) { return fmt::format("{}, rows {}", what, rows); };
    all.push_back({name("RMSNorm"), [rows] { return norm(rows); }});
    all.push_back({name("SwiGLU"), [rows] { return gate(rows); }});
    all.push_back({name("rotary, pairs"), [rows] { return rotary(rows, true); }});
    all.push_back({name("rotary, halves"), [rows] { return rotary(rows, false); }});
  }
  return all;
}

}  // namespace glmv::bench
