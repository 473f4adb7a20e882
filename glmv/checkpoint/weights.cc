#include "glmv/checkpoint/weights.h"

#include <set>

#include "glmv/base/files.h"
#include "glmv/checkpoint/gguf_weights.h"
#include "glmv/checkpoint/safetensors_sax.h"
#include "glmv/checkpoint/weights_builder.h"

namespace glmv::checkpoint {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// Shard file -> the tensors the index places there.
using ShardIndex = std::map<std::string, std::set<std::string>>;

// nlohmann::json and not glmv::Json: sorted keys, so that a hostile index stays cheap.
Result<ShardIndex> read_index(const std::filesystem::path& path) {
  GLMV_ASSIGN(const std::string text, read_file(path, size_t{256} << 20));
  const auto index = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty()) {
    return invalid_argument("{}: not a JSON object with a non-empty \"weight_map\"", path.string());
  }
  ShardIndex shards;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    if (!file.is_string()) {
      return invalid_argument("{}: weight_map[\"{}\"] is not a file name", path.string(),
                              shown_name(tensor));
    }
    const auto& name = file.get_ref<const std::string&>();
    // Only plain names: a checkpoint must not make us open files outside its folder.
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      return invalid_argument(
          "{}: shard \"{}\" of tensor \"{}\" is not a plain file name; shards "
          "must lie in the checkpoint folder",
          path.string(), shown_name(name), shown_name(tensor));
    }
    shards[name].insert(tensor);
  }
  return shards;
}

Result<void> add_tensors(const SafetensorsFile& file, WeightsBuilder& builder) {
  builder.add_file(file.path);
  for (const auto& [name, view] : file.tensors) {
    GLMV_RETURN_IF_ERROR(builder.add(name, name, view, file.path));
  }
  return {};
}

Result<Weights> open_sharded(const std::filesystem::path& dir, const ModelConfig& config) {
  GLMV_ASSIGN(const ShardIndex shards, read_index(dir / kIndexFile));
  WeightsBuilder builder(config);
  for (const auto& [name, tensors] : shards) {
    auto file = open_safetensors(dir / name);
    if (!file) {
      if (file.error().code != Code::kNotFound) return std::unexpected(std::move(file).error());
      return not_found("shard {} named by {} does not exist; fetch it again", (dir / name).string(),
                       kIndexFile);
    }
    for (const std::string& tensor : tensors) {
      if (!file->tensors.contains(tensor)) {
        return invalid_argument("{} places tensor \"{}\" in {}, but it is not there", kIndexFile,
                                shown_name(tensor), (dir / name).string());
      }
    }
    GLMV_RETURN_IF_ERROR(add_tensors(*file, builder));
  }
  return builder.take();
}

}  // namespace

Result<void> WeightsBuilder::add(const std::string& name, const std::string& shown,
                                 const TensorView& view, const std::filesystem::path& path) {
  std::string canonical = canonical_name(name, config_);
  if (canonical.empty()) {
    weights_.ignored.push_back(shown);
    if (auto mtp = mtp_name(name, config_)) weights_.mtp_tensors.emplace(std::move(*mtp), view);
    return {};
  }
  const auto [source, is_first] = sources_.try_emplace(canonical, Source{shown, path});
  if (!is_first) {
    return invalid_argument(
        "tensor \"{}\" is there twice: as \"{}\" in {} and as \"{}\" in {}; remove one",
        shown_name(canonical), shown_name(source->second.name), source->second.path.string(),
        shown_name(shown), path.string());
  }
  weights_.total_bytes += static_cast<int64_t>(view.data.size());
  weights_.tensors.emplace(std::move(canonical), view);
  return {};
}

Result<Weights> open_weights(const std::filesystem::path& dir, const ModelConfig& config,
                             const std::filesystem::path& gguf) {
  std::error_code error;
  if (!gguf.empty()) return open_gguf_weights(dir, gguf, config);
  if (std::filesystem::exists(dir / kSingleFile, error)) {
    GLMV_ASSIGN(const SafetensorsFile file, open_safetensors(dir / kSingleFile));
    WeightsBuilder builder(config);
    GLMV_RETURN_IF_ERROR(add_tensors(file, builder));
    return builder.take();
  }
  if (std::filesystem::exists(dir / kIndexFile, error)) return open_sharded(dir, config);
  if (has_only_gguf(dir)) return open_gguf_weights(dir, {}, config);
  return not_found(
      "{} holds neither {} nor {} nor GGUF files; name the folder of a downloaded "
      "checkpoint",
      dir.string(), kSingleFile, kIndexFile);
}

}  // namespace glmv::checkpoint
