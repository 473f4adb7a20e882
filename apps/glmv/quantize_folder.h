#pragma once
// The folder that `glmv quantize` writes: a shard for each layer, which is what resuming goes by,
// one for everything else, and config.json, with which it loads, last. Every file appears complete.

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "apps/glmv/layer_quantizer.h"
#include "glmv/checkpoint/safetensors.h"

namespace glmv::app {

class QuantizeFolder {
 public:
  // Creates the folder or takes up one that was begun with the same `fingerprint`, removes what an
  // interrupted write left, and holds it against a second run until destruction. invalid_argument
  // for a folder of other options, one that holds a checkpoint, or one in use.
  static Result<QuantizeFolder> open(const std::filesystem::path& path, int64_t num_layers,
                                     const Json& fingerprint);
  QuantizeFolder(QuantizeFolder&& other) noexcept;
  QuantizeFolder(const QuantizeFolder&) = delete;
  ~QuantizeFolder();

  using Tensors = std::vector<std::pair<std::string, at::Tensor>>;

  bool has_layer(int64_t index) const { return has(index + 1); }
  Result<void> write_layer(int64_t index, const QuantizedLayer& layer) const;
  Result<checkpoint::SafetensorsFile> open_layer(int64_t index) const;
  // What write_layer() was given beside the tensors.
  Result<QuantizedLayer> report_of(const checkpoint::SafetensorsFile& file) const;

  bool has_rest() const { return has(0); }
  Result<void> write_rest(const Tensors& tensors) const;
  // Index, the side files of `input`, and `config` at the end. Returns the bytes of all tensors.
  Result<int64_t> finish(const std::filesystem::path& input, const Json& config) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  QuantizeFolder(std::filesystem::path path, int64_t num_layers, int lock)
      : path_(std::move(path)), num_layers_(num_layers), lock_(lock) {}
  std::filesystem::path shard(int64_t number) const;
  bool has(int64_t number) const;
  Result<void> write_shard(int64_t number, const Tensors& tensors,
                           const std::map<std::string, std::string>& metadata) const;

  std::filesystem::path path_;
  int64_t num_layers_;
  int lock_;  // open descriptor of the locked folder
};

}  // namespace glmv::app
