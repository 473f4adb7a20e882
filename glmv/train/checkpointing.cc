#include "glmv/train/checkpointing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "glmv/base/files.h"
#include "glmv/checkpoint/safetensors.h"
#include "glmv/checkpoint/writer.h"
#include "glmv/tensor/device.h"

namespace glmv::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kTemporary = ".tmp-";
constexpr const char* kStateFile = "trainer_state.json";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kLatestFile = "latest";

// Tensors on the CPU and their views for the writer, which must live as long.
struct Writable {
  std::vector<at::Tensor> tensors;
  std::vector<checkpoint::TensorToWrite> views;
};

Writable make_writable(std::span<const model::NamedParameter> parameters) {
  Writable out;
  for (const model::NamedParameter& p : parameters) {
    const at::Tensor tensor = p.tensor.detach().to(at::kCPU).contiguous();
    out.tensors.push_back(tensor);
    out.views.push_back({.name = p.name,
                         .dtype = tensor::from_scalar_type(tensor.scalar_type()),
                         .shape = tensor.sizes().vec(),
                         .data = {static_cast<const std::byte*>(tensor.const_data_ptr()),
                                  static_cast<size_t>(tensor.nbytes())}});
  }
  return out;
}

// config.json must name the dtype the weights are saved in, wherever it names one.
void set_dtype(Json& config, const std::string& dtype) {
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (config.contains(key)) config[key] = dtype;
  }
  for (const char* key : {"text_config", "vision_config"}) {
    if (config.contains(key) && config[key].is_object()) set_dtype(config[key], dtype);
  }
}

Result<void> write_config(const fs::path& dir, std::span<const model::NamedParameter> weights) {
  const fs::path path = dir / "config.json";
  GLMV_ASSIGN(Json config, read_json_file(path));
  // The most frequent dtype: single tensors (router biases) may be kept in fp32.
  const auto largest = std::ranges::max_element(
      weights, {}, [](const model::NamedParameter& p) { return p.tensor.numel(); });
  if (largest != weights.end()) {
    set_dtype(config, tensor::dtype_text(largest->tensor.scalar_type()));
  }
  return write_file_atomic(path, config.dump(2) + "\n");
}

Result<void> write_folder(const fs::path& dir, const CheckpointContent& content) {
  GLMV_RETURN_IF_ERROR(checkpoint::copy_side_files(content.side_files, dir));
  GLMV_RETURN_IF_ERROR(write_config(dir, content.weights));
  const Writable weights = make_writable(content.weights);
  GLMV_RETURN_IF_ERROR(checkpoint::write_weights(dir, weights.views));
  if (!content.optimizer.empty()) {
    GLMV_RETURN_IF_ERROR(write_tensors(dir / kOptimizerFile, content.optimizer));
  }
  GLMV_RETURN_IF_ERROR(write_file_atomic(dir / kStateFile, content.state.dump(2) + "\n"));
  return sync_path(dir);
}

std::optional<int64_t> step_of(const fs::path& dir) {
  const std::string name = dir.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end || step < 0) return std::nullopt;
  return step;
}

bool is_complete(const fs::path& dir) {
  std::error_code error;
  return step_of(dir) && fs::is_regular_file(dir / kStateFile, error);
}

// Complete checkpoints, oldest first.
std::vector<fs::path> list_checkpoints(const fs::path& out) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(out, error)) {
    if (is_complete(entry.path())) found.push_back(entry.path());
  }
  std::ranges::sort(found, {}, [](const fs::path& dir) { return *step_of(dir); });
  return found;
}

Result<void> rename_folder(const fs::path& from, const fs::path& to) {
  std::error_code error;
  // A folder of that name is of an earlier run or an incomplete one; it moves aside first, because
  // a rename cannot replace a folder that has files.
  const fs::path old =
      to.parent_path() / (std::string(kTemporary) + "old-" + to.filename().string());
  if (fs::exists(to, error)) {
    fs::remove_all(old, error);
    fs::rename(to, old, error);
    if (error) return invalid_argument("cannot rename {}: {}", to.string(), error.message());
  }
  fs::rename(from, to, error);
  if (error) return invalid_argument("cannot rename {}: {}", from.string(), error.message());
  fs::remove_all(old, error);
  return sync_path(to.parent_path());
}

}  // namespace

Result<fs::path> save_checkpoint(const fs::path& out, const CheckpointContent& content,
                                 int64_t keep_last) {
  const std::string name = fmt::format("{}{}", kPrefix, content.step);
  const fs::path temporary = out / (std::string(kTemporary) + name);
  const fs::path final_dir = out / name;
  std::error_code error;
  fs::remove_all(temporary, error);
  fs::create_directories(temporary, error);
  if (error) {
    return invalid_argument("cannot create {}: {}", temporary.string(), error.message());
  }
  Result<void> written = write_folder(temporary, content);
  if (written) written = rename_folder(temporary, final_dir);
  if (!written) {
    fs::remove_all(temporary, error);
    return in_context(
        fmt::format("saving {} failed, earlier checkpoints are untouched", final_dir.string()),
        written.error());
  }
  GLMV_RETURN_IF_ERROR(write_file_atomic(out / kLatestFile, name + "\n"));

  if (keep_last > 0) {
    std::vector<fs::path> all = list_checkpoints(out);
    std::erase(all, final_dir);
    const auto keep = static_cast<size_t>(keep_last - 1);
    for (size_t i = 0; i + keep < all.size(); ++i) {
      // Hidden first: a kill in the middle must not leave half a checkpoint under a final name.
      const fs::path hidden = out / (std::string(kTemporary) + all[i].filename().string());
      fs::rename(all[i], hidden, error);
      fs::remove_all(hidden, error);
    }
  }
  return final_dir;
}

std::optional<fs::path> find_latest_checkpoint(const fs::path& out) {
  if (const auto name = read_file(out / kLatestFile, 4096)) {
    const std::string_view trimmed = std::string_view(*name).substr(0, name->find('\n'));
    const fs::path dir = out / trimmed;
    if (!trimmed.contains('/') && is_complete(dir)) return dir;
  }
  const std::vector<fs::path> all = list_checkpoints(out);
  if (all.empty()) return std::nullopt;
  return all.back();
}

void remove_leftovers(const fs::path& out) {
  std::error_code error;
  std::vector<fs::path> leftovers;
  for (const fs::directory_entry& entry : fs::directory_iterator(out, error)) {
    if (entry.path().filename().string().starts_with(kTemporary)) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove_all(path, error);
}

Result<ResumeState> load_resume_state(const fs::path& checkpoint) {
  ResumeState resume;
  auto state = read_json_file(checkpoint / kStateFile);
  if (!state) return in_context("not a training checkpoint", state.error());
  resume.state = std::move(*state);
  auto optimizer = read_tensors(checkpoint / kOptimizerFile);
  if (!optimizer)
    return in_context("cannot resume without the optimizer's state", optimizer.error());
  resume.optimizer = std::move(*optimizer);
  return resume;
}

Result<void> write_tensors(const fs::path& path, std::span<const model::NamedParameter> tensors) {
  const Writable writable = make_writable(tensors);
  return checkpoint::write_safetensors(path, writable.views);
}

Result<std::vector<model::NamedParameter>> read_tensors(const fs::path& path) {
  GLMV_ASSIGN(const checkpoint::SafetensorsFile file, checkpoint::open_safetensors(path));
  std::vector<model::NamedParameter> tensors;
  for (const auto& [name, view] : file.tensors) {
    at::Tensor tensor = at::empty(view.shape, tensor::to_scalar_type(view.dtype));
    std::memcpy(tensor.data_ptr(), view.data.data(), view.data.size());
    tensors.push_back({name, tensor});
  }
  return tensors;
}

}  // namespace glmv::train
