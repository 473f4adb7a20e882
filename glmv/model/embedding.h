#pragma once

#include <ATen/core/Tensor.h>

namespace glmv::model {

// Rows of `table` [V, D] for input_ids [N]; `image_rows` [M, D], when defined, replace those whose
// index is listed in `image_positions` [M], in order.
at::Tensor embed_with_images(const at::Tensor& table, const at::Tensor& input_ids,
                             const at::Tensor& image_rows, const at::Tensor& image_positions);

}  // namespace glmv::model
