#pragma once
// The tiny reference checkpoints and their recorded training batch (tests/golden/models).

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "glmv/checkpoint/safetensors.h"
#include "glmv/model/vlm.h"
#include "glmv/tensor/device_for_test.h"
#include "glmv/tensor/from_checkpoint.h"
#include "glmv/train/collator.h"

namespace glmv::train {

inline std::string golden_model_dir(const std::string& model) {
  return std::string(GLMV_SOURCE_DIR) + "/tests/golden/models/" + model;
}

inline std::unique_ptr<model::Vlm> load_golden_model(const std::string& model,
                                                     const std::string& dtype = "float32") {
  at::set_num_threads(1);  // tiny operations on a shared machine: waiting costs more than work
  auto loaded =
      model::load_model(golden_model_dir(model),
                        {.dtype = dtype, .device = tensor::test_device(), .for_training = true});
  if (!loaded) throw std::runtime_error(loaded.error().message);
  return std::move(loaded->model);
}

// train.safetensors of a model.
class GoldenBatch {
 public:
  explicit GoldenBatch(const std::string& model)
      : file_(*checkpoint::open_safetensors(golden_model_dir(model) + "/train.safetensors")) {
    for (int i = 0; file_.tensors.contains(key(i, "input_ids")); ++i) {
      samples_.push_back(read_sample(i));
    }
  }

  at::Tensor operator[](const std::string& name) const {
    return tensor::as_tensor(file_.tensors.at(name)).clone();
  }
  const std::vector<EncodedSample>& samples() const { return samples_; }

  std::map<std::string, at::Tensor> gradients() const {
    std::map<std::string, at::Tensor> result;
    for (const auto& [name, view] : file_.tensors) {
      if (name.starts_with("grad.")) result[name.substr(5)] = (*this)[name];
    }
    return result;
  }

 private:
  static std::string key(int i, const std::string& name) {
    return "seq." + std::to_string(i) + "." + name;
  }

  template <class T>
  std::vector<T> values(const at::Tensor& tensor) const {
    std::vector<T> result;
    for (int64_t i = 0; i < tensor.size(0); ++i) {
      result.push_back(static_cast<T>(tensor[i].item<double>()));
    }
    return result;
  }

  EncodedSample read_sample(int i) const {
    EncodedSample sample;
    sample.input.input_ids = values<int32_t>((*this)[key(i, "input_ids")]);
    sample.input.mm_token_types = values<uint8_t>((*this)[key(i, "mm_token_type_ids")]);
    for (int axis = 0; axis < 3; ++axis) {
      sample.input.position_ids[axis] = values<int32_t>((*this)[key(i, "position_ids")][axis]);
    }
    // Labels of the reference stand at the token itself; targets at the token before it.
    const auto labels = values<int32_t>((*this)[key(i, "labels")]);
    sample.targets.assign(labels.begin() + 1, labels.end());
    sample.targets.push_back(kIgnore);
    for (int32_t target : sample.targets) sample.num_trained += target != kIgnore;
    if (file_.tensors.contains(key(i, "pixel_values"))) {
      const at::Tensor rows = (*this)[key(i, "pixel_values")].contiguous();
      const at::Tensor grid = (*this)[key(i, "grid_thw")][0];
      processing::Medium medium;
      medium.grid = {grid[0].item<int64_t>(), grid[1].item<int64_t>(), grid[2].item<int64_t>()};
      const float* data = rows.const_data_ptr<float>();
      medium.patches.assign(data, data + rows.numel());
      sample.input.media.push_back(std::move(medium));
    }
    return sample;
  }

  checkpoint::SafetensorsFile file_;
  std::vector<EncodedSample> samples_;
};

// A folder that is removed at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "glmv_train_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace glmv::train
