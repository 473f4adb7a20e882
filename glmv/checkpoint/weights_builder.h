#pragma once
// Collects the tensors of a checkpoint's files under canonical names.

#include <map>
#include <string>

#include "glmv/checkpoint/weights.h"

namespace glmv::checkpoint {

class WeightsBuilder {
 public:
  explicit WeightsBuilder(const ModelConfig& config) : config_(config) {}

  void add_file(const std::filesystem::path& path) { weights_.files.push_back(path); }
  // A tensor that `path` holds as `shown` (for errors); `name` may be of an older layout. Two with
  // one canonical name are an error.
  Result<void> add(const std::string& name, const std::string& shown, const TensorView& view,
                   const std::filesystem::path& path);

  const ModelConfig& config() const { return config_; }
  Weights take() { return std::move(weights_); }

 private:
  struct Source {
    std::string name;
    std::filesystem::path path;
  };

  const ModelConfig& config_;
  Weights weights_;
  std::map<std::string, Source> sources_;
};

}  // namespace glmv::checkpoint
