#include "apps/glmv/quantize_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "glmv/base/files.h"
#include "glmv/checkpoint/writer.h"
#include "glmv/tensor/device.h"

namespace glmv::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStateFile = "quantize.json";
constexpr const char* kReportKey = "glmv_quantize";  // in the metadata of a layer's shard

// ".NAME.tmpPID" of an atomic write that was killed.
bool is_left_over(const std::string& name) {
  const size_t at = name.rfind(".tmp");
  return name.starts_with('.') && at != std::string::npos && at + 4 < name.size() &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(at) + 4, name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

Result<void> remove_left_overs(const fs::path& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (is_left_over(entry.path().filename().string())) fs::remove(entry.path(), error);
    if (error) break;
  }
  if (error) return invalid_argument("cannot clean {}: {}", folder.string(), error.message());
  return {};
}

Result<void> check_state(const fs::path& folder, const Json& fingerprint) {
  std::error_code error;
  const fs::path state = folder / kStateFile;
  if (fs::exists(state, error)) {
    GLMV_ASSIGN(const Json saved, read_json_file(state));
    if (saved == fingerprint) return {};
    return invalid_argument("{} was begun with other options ({}); use the same, or another folder",
                            folder.string(), saved.dump());
  }
  for (const char* name : {"config.json", "model.safetensors", "model.safetensors.index.json"}) {
    if (fs::exists(folder / name, error)) {
      return invalid_argument("{} holds a checkpoint already; give another folder",
                              folder.string());
    }
  }
  return write_file_atomic(state, fingerprint.dump(2) + "\n");
}

}  // namespace

Result<QuantizeFolder> QuantizeFolder::open(const fs::path& path, int64_t num_layers,
                                            const Json& fingerprint) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return invalid_argument("cannot create {}: {}", path.string(), error.message());
  const int lock = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) {
    return invalid_argument("cannot open {}: {}", path.string(), errno_text(errno));
  }
  QuantizeFolder folder(path, num_layers, lock);
  // File systems without locks go without.
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return invalid_argument(
        "another glmv quantize is writing to {}; wait for it, or give another "
        "folder",
        path.string());
  }
  GLMV_RETURN_IF_ERROR(remove_left_overs(path));
  GLMV_RETURN_IF_ERROR(check_state(path, fingerprint));
  return folder;
}

QuantizeFolder::QuantizeFolder(QuantizeFolder&& other) noexcept
    : path_(std::move(other.path_)),
      num_layers_(other.num_layers_),
      lock_(std::exchange(other.lock_, -1)) {}

QuantizeFolder::~QuantizeFolder() {
  if (lock_ >= 0) ::close(lock_);
}

fs::path QuantizeFolder::shard(int64_t number) const {
  return path_ / fmt::format("model-{:05}-of-{:05}.safetensors", number + 1, num_layers_ + 1);
}

bool QuantizeFolder::has(int64_t number) const {
  std::error_code error;
  return fs::exists(shard(number), error);
}

Result<void> QuantizeFolder::write_shard(int64_t number, const Tensors& tensors,
                                         const std::map<std::string, std::string>& metadata) const {
  std::vector<checkpoint::TensorToWrite> rows;
  for (const auto& [name, tensor] : tensors) {
    rows.push_back({name,
                    tensor::from_scalar_type(tensor.scalar_type()),
                    tensor.sizes().vec(),
                    {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  return checkpoint::write_safetensors(shard(number), rows, metadata);
}

Result<void> QuantizeFolder::write_rest(const Tensors& tensors) const {
  return write_shard(0, tensors, {});
}

Result<void> QuantizeFolder::write_layer(int64_t index, const QuantizedLayer& layer) const {
  Json linears = Json::array();
  for (const LinearReport& linear : layer.report) {
    linears.push_back({linear.name, linear.error, linear.rounding_error});
  }
  const Json report = {{"linears", linears}, {"kept", layer.kept}, {"rounded", layer.rounded}};
  return write_shard(index + 1, layer.tensors, {{kReportKey, report.dump()}});
}

Result<checkpoint::SafetensorsFile> QuantizeFolder::open_layer(int64_t index) const {
  return checkpoint::open_safetensors(shard(index + 1));
}

Result<QuantizedLayer> QuantizeFolder::report_of(const checkpoint::SafetensorsFile& file) const {
  QuantizedLayer layer;
  const auto it = file.metadata.find(kReportKey);
  if (it == file.metadata.end()) {
    return invalid_argument("{} was not written by glmv quantize; remove it", file.path.string());
  }
  GLMV_ASSIGN(const Json report, parse_json(it->second, kReportKey));
  for (const Json& linear : report.at("linears")) {
    layer.report.push_back({linear.at(0), linear.at(1), linear.at(2)});
  }
  layer.kept = report.at("kept").get<std::vector<std::string>>();
  layer.rounded = report.at("rounded").get<std::vector<std::string>>();
  return layer;
}

Result<int64_t> QuantizeFolder::finish(const fs::path& input, const Json& config) const {
  Json map = Json::object();
  int64_t bytes = 0;
  for (int64_t number = 0; number <= num_layers_; ++number) {
    GLMV_ASSIGN(const checkpoint::SafetensorsFile file,
                checkpoint::open_safetensors(shard(number)));
    for (const auto& [name, view] : file.tensors) {
      map[name] = shard(number).filename().string();
      bytes += static_cast<int64_t>(view.data.size());
    }
  }
  const Json index = {{"metadata", {{"total_size", bytes}}}, {"weight_map", map}};
  GLMV_RETURN_IF_ERROR(
      write_file_atomic(path_ / "model.safetensors.index.json", index.dump(2) + "\n"));
  // The config of the input would make the folder look complete, and wrong.
  GLMV_RETURN_IF_ERROR(checkpoint::copy_side_files(input, path_, "config.json"));
  GLMV_RETURN_IF_ERROR(write_file_atomic(path_ / "config.json", config.dump(2) + "\n"));
  return bytes;
}

}  // namespace glmv::app
