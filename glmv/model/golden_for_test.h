#pragma once
// Loads the tiny reference checkpoints and their recorded tensors (tests/golden/models).

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "glmv/base/grid.h"
#include "glmv/checkpoint/safetensors.h"
#include "glmv/tensor/device.h"
#include "glmv/tensor/device_for_test.h"
#include "glmv/tensor/from_checkpoint.h"

namespace glmv::model {

inline std::string golden_dir(const std::string& model) {
  return std::string(GLMV_SOURCE_DIR) + "/tests/golden/models/" + model;
}

class Golden {
 public:
  Golden(const std::string& model, const std::string& name)
      : file_(*checkpoint::open_safetensors(golden_dir(model) + "/" + name + ".safetensors")) {}

  bool has(const std::string& name) const { return file_.tensors.contains(name); }
  at::Tensor operator[](const std::string& name) const {
    const at::Tensor tensor = tensor::as_tensor(file_.tensors.at(name)).clone();
    return tensor.to(*tensor::parse_device(tensor::test_device()));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& [name, view] : file_.tensors) result.push_back(name);
    return result;
  }
  // Videos as the tower sees them: one grid with t slices.
  std::vector<Grid> grids() const {
    const at::Tensor rows = (*this)["grid_thw"];
    std::vector<Grid> result;
    for (int64_t i = 0; i < rows.size(0); ++i) {
      result.push_back(
          {rows[i][0].item<int64_t>(), rows[i][1].item<int64_t>(), rows[i][2].item<int64_t>()});
    }
    return result;
  }

 private:
  checkpoint::SafetensorsFile file_;
};

inline double max_abs(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

inline double relative_l2(const at::Tensor& got, const at::Tensor& want) {
  const at::Tensor w = want.to(at::kDouble);
  const double norm = w.norm().item<double>();
  return (got.to(at::kDouble) - w).norm().item<double>() / std::max(norm, 1e-30);
}

}  // namespace glmv::model
