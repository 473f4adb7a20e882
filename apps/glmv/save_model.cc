#include "apps/glmv/save_model.h"

#include <ATen/ATen.h>

#include "glmv/checkpoint/writer.h"
#include "glmv/tensor/device.h"

namespace glmv::app {

Result<int64_t> save_weights(const model::Vlm& model, const std::filesystem::path& dir) {
  std::vector<checkpoint::TensorToWrite> tensors;
  int64_t num_parameters = 0;
  const std::vector<model::NamedParameter> parameters = model.parameters();
  for (const model::NamedParameter& parameter : parameters) {
    const at::Tensor& tensor = parameter.tensor;
    num_parameters += tensor.numel();
    tensors.push_back({parameter.name,
                       tensor::from_scalar_type(tensor.scalar_type()),
                       tensor.sizes().vec(),
                       {static_cast<const std::byte*>(tensor.const_data_ptr()),
                        static_cast<size_t>(tensor.nbytes())}});
  }
  GLMV_RETURN_IF_ERROR(checkpoint::write_weights(dir, tensors));
  return num_parameters;
}

}  // namespace glmv::app
