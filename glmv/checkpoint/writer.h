#pragma once
// Writes safetensors files and Hugging Face folders. Every file appears under its final name only
// when it is complete and synced.

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/checkpoint/dtype.h"

namespace glmv::checkpoint {

struct TensorToWrite {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;  // must outlive the call
};

// One file. Metadata gets {"format": "pt"} unless given. Tensor order in the file: as given.
Result<void> write_safetensors(const std::filesystem::path& path,
                               std::span<const TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata = {});

// model.safetensors, or shards of at most `max_shard_bytes` with model.safetensors.index.json.
Result<void> write_weights(const std::filesystem::path& dir, std::span<const TensorToWrite> tensors,
                           int64_t max_shard_bytes = int64_t{5} << 30);

// Copies the files of a checkpoint that are not weights (config, tokenizer, processor, template,
// generation config) from one folder to another; without the one called `except`.
Result<void> copy_side_files(const std::filesystem::path& from, const std::filesystem::path& to,
                             std::string_view except = {});

}  // namespace glmv::checkpoint
