#pragma once
// Where the patches of a picture lie: row order, 2-D rotary angles, interpolated position
// embedding.

#include <ATen/core/Tensor.h>

#include <span>

#include "glmv/base/grid.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/model/text/rope.h"

namespace glmv::model {

// Unmerged (y, x) coordinate of every patch row, [P, 2] int64; videos repeat their slice.
at::Tensor patch_coordinates(std::span<const Grid> grids, int64_t merge_size);

// Angles of patch (y, x): [y * w_0 ... y * w_{F-1}, x * w_0 ...], F = head_dim / 4, theta 10000.
// cos, sin [P, head_dim / 2] fp32, for half-split rotation.
RopeTable vision_rope(int64_t head_dim, const at::Tensor& coordinates_P2);

// Bicubic (a = -0.75), align_corners false, border padding, of the learned table [n * n, h] at
// every patch: [P, h] fp32 in row order. Differentiable in the table.
at::Tensor interpolate_positions(const at::Tensor& table, std::span<const Grid> grids,
                                 int64_t merge_size);

}  // namespace glmv::model
