#include "glmv/model/text/rope.h"

namespace glmv::model {

RopeTable text_rope(const checkpoint::RopeConfig& config, const at::Tensor& position_ids_3N,
                    at::ScalarType dtype) {
  const int64_t half = config.rotary_dim / 2;
  const auto fp32 = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor exponents =
      at::arange(0, config.rotary_dim, 2, fp32) / static_cast<double>(config.rotary_dim);
  const at::Tensor frequencies =
      at::reciprocal(at::pow(config.theta, exponents)).to(position_ids_3N.device());  // [R/2]

  // Run j of mrope_section takes axis j mod 3.
  std::vector<int64_t> axis;
  for (size_t j = 0; j < config.mrope_section.size(); ++j) {
    axis.insert(axis.end(), config.mrope_section[j], static_cast<int64_t>(j % 3));
  }
  const at::Tensor axis_index =
      at::tensor(at::ArrayRef<int64_t>(axis), at::kLong).to(position_ids_3N.device());
  const at::Tensor positions =
      position_ids_3N.to(at::kFloat).index_select(0, axis_index).t();  // [N, R/2]
  const at::Tensor angles = positions.narrow(1, 0, half) * frequencies;
  return {angles.cos().to(dtype), angles.sin().to(dtype)};
}

}  // namespace glmv::model
