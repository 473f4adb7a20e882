#include "glmv/model/embedding.h"

#include <ATen/ATen.h>

#include "glmv/base/check.h"

namespace glmv::model {

at::Tensor embed_with_images(const at::Tensor& table, const at::Tensor& input_ids,
                             const at::Tensor& image_rows, const at::Tensor& image_positions) {
  at::Tensor hidden = at::embedding(table, input_ids.to(table.device()));
  if (!image_rows.defined() || image_rows.size(0) == 0) return hidden;
  GLMV_CHECK(image_rows.size(0) == image_positions.size(0), "{} image rows for {} image tokens",
             image_rows.size(0), image_positions.size(0));
  return hidden.index_copy(0, image_positions.to(table.device()),
                           image_rows.to(hidden.scalar_type()));
}

}  // namespace glmv::model
