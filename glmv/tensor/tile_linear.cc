#include "glmv/tensor/tile_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "glmv/kernels/kernel_table.h"

namespace glmv::tensor {
namespace {

constexpr int64_t kTileRows = 16;
constexpr int64_t kTileInputs = 32;

int64_t num_rows(const at::Tensor& x) { return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1); }

}  // namespace

at::Tensor to_bf16_tiles(const at::Tensor& rows) {
  const int64_t n = rows.size(0), in = rows.size(1);
  const int64_t row_tiles = (n + kTileRows - 1) / kTileRows;
  const int64_t steps = (in + kTileInputs - 1) / kTileInputs;
  const at::Tensor source = rows.contiguous();
  const at::Tensor tiles = at::empty({row_tiles, steps, kTileRows, kTileInputs}, rows.options());
  const auto* from = source.const_data_ptr<at::BFloat16>();
  auto* to = tiles.mutable_data_ptr<at::BFloat16>();
  at::parallel_for(0, row_tiles, 1, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin * kTileRows; r < end * kTileRows; ++r) {
      at::BFloat16* line = to + (r / kTileRows * steps * kTileRows + r % kTileRows) * kTileInputs;
      for (int64_t k = 0; k < in; k += kTileInputs, line += kTileRows * kTileInputs) {
        const int64_t size = r < n ? std::min(kTileInputs, in - k) : 0;
        if (size > 0) std::memcpy(line, from + r * in + k, 2 * size);
        std::memset(line + size, 0, 2 * (kTileInputs - size));
      }
    }
  });
  return tiles;
}

bool takes_tile_linear(const at::Tensor& x, const at::Tensor& weight) {
  if (c10::GradMode::is_enabled() || !x.is_cpu() || x.scalar_type() != at::kBFloat16) return false;
  const kernels::TileProducts* tiles = kernels::kernels().tiles;
  return tiles != nullptr && tiles->rows != nullptr && weight.scalar_type() == at::kBFloat16 &&
         weight.is_contiguous() && weight.size(1) % tiles->bf16_step == 0 &&
         num_rows(x) >= tiles->min_stored_rows;
}

at::Tensor tile_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const int64_t n = num_rows(x), in = weight.size(1), out = weight.size(0);
  const at::Tensor tiles = to_bf16_tiles(x.reshape({n, in}));
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = out;
  const at::Tensor y = at::empty(shape, x.options());
  const at::Tensor bias32 = bias.defined() ? bias.to(at::kFloat).contiguous() : at::Tensor();
  const kernels::TileOutput output = {
      .y = y.mutable_data_ptr(),
      .is_bf16 = true,
      .ldy = out,
      .bias = bias32.defined() ? bias32.const_data_ptr<float>() : nullptr};
  const auto* w = reinterpret_cast<const uint16_t*>(weight.const_data_ptr<at::BFloat16>());
  const auto* rows = reinterpret_cast<const uint16_t*>(tiles.const_data_ptr<at::BFloat16>());
  const auto product = kernels::kernels().tiles->rows;
  const int64_t blocks = (out + kernels::kPackRows - 1) / kernels::kPackRows;
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    product(w, out, in, begin, end, {rows, n}, output);
  });
  return y;
}

}  // namespace glmv::tensor
