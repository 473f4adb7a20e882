#include "glmv/model/vision/geometry.h"

#include <algorithm>
#include <cmath>

namespace glmv::model {
namespace {

// [gh, gw, ...] in raster order -> rows in block order (bi, bj, a, b).
at::Tensor to_row_order(const at::Tensor& raster, int64_t merge) {
  const int64_t gh = raster.size(0);
  const int64_t gw = raster.size(1);
  const int64_t width = raster.size(2);
  return raster.reshape({gh / merge, merge, gw / merge, merge, width})
      .permute({0, 2, 1, 3, 4})
      .reshape({gh * gw, width});
}

float inner_tap(float z) {
  constexpr float a = -0.75f;
  return ((a + 2) * z - (a + 3)) * z * z + 1;
}

float outer_tap(float z) {
  constexpr float a = -0.75f;
  return ((a * z - 5 * a) * z + 8 * a) * z - 4 * a;
}

// [out, n]: row y holds the weights of the table's n rows for output y.
at::Tensor axis_weights(int64_t out, int64_t n) {
  at::Tensor weights = at::zeros({out, n}, at::kFloat);
  float* data = weights.mutable_data_ptr<float>();
  for (int64_t y = 0; y < out; ++y) {
    // The reference's path through normalised coordinates, in fp32.
    const float g = (static_cast<float>(y) + 0.5f) / static_cast<float>(out) * 2.0f - 1.0f;
    const float f = ((g + 1.0f) * static_cast<float>(n) - 1.0f) / 2.0f;
    const float floor_f = std::floor(f);
    const float d = f - floor_f;
    const float taps[4] = {outer_tap(d + 1), inner_tap(d), inner_tap(1 - d), outer_tap(2 - d)};
    for (int k = 0; k < 4; ++k) {
      const int64_t i = std::clamp<int64_t>(static_cast<int64_t>(floor_f) - 1 + k, 0, n - 1);
      data[y * n + i] += taps[k];
    }
  }
  return weights;
}

}  // namespace

at::Tensor patch_coordinates(std::span<const Grid> grids, int64_t merge_size) {
  std::vector<at::Tensor> parts;
  for (const Grid& grid : grids) {
    const at::Tensor y = at::arange(grid.h, at::kLong).unsqueeze(1).expand({grid.h, grid.w});
    const at::Tensor x = at::arange(grid.w, at::kLong).unsqueeze(0).expand({grid.h, grid.w});
    parts.push_back(to_row_order(at::stack({y, x}, -1), merge_size).repeat({grid.t, 1}));
  }
  return at::cat(parts, 0);
}

RopeTable vision_rope(int64_t head_dim, const at::Tensor& coordinates_P2) {
  const auto fp32 = at::TensorOptions().dtype(at::kFloat);
  const int64_t half = head_dim / 2;
  const at::Tensor exponents = at::arange(0, half, 2, fp32) / static_cast<double>(half);
  const at::Tensor frequencies =
      at::reciprocal(at::pow(10000.0, exponents)).to(coordinates_P2.device());  // [head_dim / 4]
  const at::Tensor angles =
      (coordinates_P2.to(at::kFloat).unsqueeze(-1) * frequencies).flatten(1);  // [P, head_dim / 2]
  return {angles.cos(), angles.sin()};
}

at::Tensor interpolate_positions(const at::Tensor& table, std::span<const Grid> grids,
                                 int64_t merge_size) {
  const int64_t n = std::llround(std::sqrt(static_cast<double>(table.size(0))));
  const int64_t h = table.size(1);
  const at::Tensor source = table.to(at::kFloat).view({n, n * h});
  std::vector<at::Tensor> parts;
  Grid last{};
  for (const Grid& grid : grids) {
    if (!parts.empty() && grid == last) {
      parts.push_back(parts.back());
      continue;
    }
    const at::Tensor wy = axis_weights(grid.h, n).to(table.device());
    const at::Tensor wx = axis_weights(grid.w, n).to(table.device());
    const at::Tensor rows = at::mm(wy, source).view({grid.h, n, h});  // rows interpolated
    const at::Tensor raster = at::matmul(wx, rows);                   // [gh, gw, h]
    parts.push_back(to_row_order(raster, merge_size).repeat({grid.t, 1}));
    last = grid;
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

}  // namespace glmv::model
