#include "glmv/checkpoint/writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <set>

#include "glmv/base/files.h"
#include "glmv/base/utf8.h"
#include "glmv/checkpoint/safetensors_sax.h"

namespace glmv::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// A file that appears under its final name only through commit().
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path)
      : path_(std::move(path)),
        temporary_(path_.parent_path() /
                   fmt::format(".{}.tmp{}", path_.filename().string(), ::getpid())) {}
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() {
    if (fd_ >= 0) ::close(fd_);
    if (must_unlink_) ::unlink(temporary_.c_str());
  }

  Result<void> open() {
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd_ < 0) return failed("create", errno);
    must_unlink_ = true;
    return {};
  }

  Result<void> write(std::string_view data) {
    while (!data.empty()) {
      const ssize_t n = ::write(fd_, data.data(), std::min<size_t>(data.size(), 1 << 30));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("write", errno);
      data.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }

  Result<void> commit() {
    if (::fsync(fd_) != 0) return failed("sync", errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("rename", errno);
    must_unlink_ = false;
    return sync_path(path_.parent_path().empty() ? "." : path_.parent_path());
  }

 private:
  std::unexpected<Status> failed(std::string_view action, int error) const {
    if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
      return resource_exhausted("cannot {} {}: {}; free space there or choose another folder",
                                action, path_.string(), errno_text(error));
    }
    return invalid_argument("cannot {} {}: {}", action, path_.string(), errno_text(error));
  }

  fs::path path_;
  fs::path temporary_;
  int fd_ = -1;
  bool must_unlink_ = false;
};

Result<void> check_tensor(const TensorToWrite& tensor) {
  if (tensor.name.empty() || tensor.name == "__metadata__" || find_invalid_utf8(tensor.name)) {
    return invalid_argument("\"{}\" cannot be a tensor name", shown_name(tensor.name));
  }
  size_t expected = static_cast<size_t>(dtype_size(tensor.dtype));
  for (const int64_t dim : tensor.shape) {
    if (dim < 0 || __builtin_mul_overflow(expected, static_cast<size_t>(dim), &expected)) {
      return invalid_argument("tensor \"{}\": shape [{}] is not valid", shown_name(tensor.name),
                              fmt::join(tensor.shape, ", "));
    }
  }
  if (expected != tensor.data.size()) {
    return invalid_argument("tensor \"{}\": shape [{}] of {} needs {} bytes, but {} were given",
                            shown_name(tensor.name), fmt::join(tensor.shape, ", "),
                            dtype_name(tensor.dtype), expected, tensor.data.size());
  }
  return {};
}

Result<void> check_tensors(std::span<const TensorToWrite> tensors) {
  std::set<std::string_view> names;
  for (const TensorToWrite& tensor : tensors) {
    GLMV_RETURN_IF_ERROR(check_tensor(tensor));
    if (!names.insert(tensor.name).second) {
      return invalid_argument("tensor \"{}\" is given twice", shown_name(tensor.name));
    }
  }
  return {};
}

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

// Built as text: a document with a hundred thousand ordered keys would cost quadratic time.
std::string header_of(std::span<const TensorToWrite> tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> all = metadata;
  all.try_emplace("format", "pt");
  std::string header = "{\"__metadata__\":" + nlohmann::json(all).dump();
  size_t begin = 0;
  for (const TensorToWrite& tensor : tensors) {
    const size_t end = begin + tensor.data.size();
    header += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          quoted(tensor.name), dtype_name(tensor.dtype),
                          fmt::join(tensor.shape, ","), begin, end);
    begin = end;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');  // data starts at a multiple of 8
  return header;
}

Result<void> write_checked(const fs::path& path, std::span<const TensorToWrite> tensors,
                           const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, value] : metadata) {
    if (find_invalid_utf8(key) || find_invalid_utf8(value)) {
      return invalid_argument("metadata \"{}\" is not valid UTF-8", shown_name(key));
    }
  }
  const std::string header = header_of(tensors, metadata);
  char length[8];
  for (size_t i = 0; i < sizeof length; ++i) {
    length[i] = static_cast<char>((static_cast<uint64_t>(header.size()) >> (8 * i)) & 0xff);
  }
  AtomicFile file(path);
  GLMV_RETURN_IF_ERROR(file.open());
  GLMV_RETURN_IF_ERROR(file.write({length, sizeof length}));
  GLMV_RETURN_IF_ERROR(file.write(header));
  for (const TensorToWrite& tensor : tensors) {
    GLMV_RETURN_IF_ERROR(
        file.write({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()}));
  }
  return file.commit();
}

// Consecutive runs of tensors of at most `max_bytes`; a larger tensor gets a run of its own.
std::vector<std::span<const TensorToWrite>> split_into_shards(
    std::span<const TensorToWrite> tensors, int64_t max_bytes) {
  std::vector<std::span<const TensorToWrite>> shards;
  size_t first = 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto size = static_cast<int64_t>(tensors[i].data.size());
    if (i > first && bytes + size > max_bytes) {
      shards.push_back(tensors.subspan(first, i - first));
      first = i;
      bytes = 0;
    }
    bytes += size;
  }
  shards.push_back(tensors.subspan(first));
  return shards;
}

bool is_weight_file(std::string_view name) {
  return (name.starts_with("model-") && name.ends_with(".safetensors")) || name == kSingleFile ||
         name == kIndexFile;
}

// Files of an earlier write that the new one does not use. A reader would prefer or mix them.
Result<void> remove_stale(const fs::path& dir, const std::set<std::string>& current) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    if (!is_weight_file(name) || current.contains(name)) continue;
    fs::remove(entry.path(), error);
    if (error) break;
  }
  if (error) {
    return invalid_argument("cannot remove old weights in {}: {}", dir.string(), error.message());
  }
  return {};
}

Result<void> make_dir(const fs::path& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return invalid_argument("cannot create {}: {}", dir.string(), error.message());
  return {};
}

}  // namespace

Result<void> write_safetensors(const fs::path& path, std::span<const TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata) {
  GLMV_RETURN_IF_ERROR(check_tensors(tensors));
  return write_checked(path, tensors, metadata);
}

Result<void> write_weights(const fs::path& dir, std::span<const TensorToWrite> tensors,
                           int64_t max_shard_bytes) {
  if (max_shard_bytes <= 0) {
    return invalid_argument("max_shard_bytes is {}, expected a positive number", max_shard_bytes);
  }
  GLMV_RETURN_IF_ERROR(check_tensors(tensors));
  GLMV_RETURN_IF_ERROR(make_dir(dir));
  const auto shards = split_into_shards(tensors, max_shard_bytes);
  if (shards.size() == 1) {
    GLMV_RETURN_IF_ERROR(write_checked(dir / kSingleFile, tensors, {}));
    return remove_stale(dir, {kSingleFile});
  }
  std::set<std::string> current = {kIndexFile};
  std::map<std::string, std::string> weight_map;
  int64_t total_size = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    GLMV_RETURN_IF_ERROR(write_checked(dir / name, shards[i], {}));
    current.insert(name);
    for (const TensorToWrite& tensor : shards[i]) {
      weight_map[tensor.name] = name;
      total_size += static_cast<int64_t>(tensor.data.size());
    }
  }
  const nlohmann::json index = {{"metadata", {{"total_size", total_size}}},
                                {"weight_map", weight_map}};
  GLMV_RETURN_IF_ERROR(write_file_atomic(dir / kIndexFile, index.dump(2) + "\n"));
  return remove_stale(dir, current);
}

Result<void> copy_side_files(const fs::path& from, const fs::path& to, std::string_view except) {
  GLMV_RETURN_IF_ERROR(make_dir(to));
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
    const std::string name = entry.path().filename().string();
    const bool is_side_file = name.ends_with(".json") || name.ends_with(".jinja") ||
                              name.ends_with(".txt") || name.ends_with(".model") ||
                              name == "LICENSE";
    if (name.starts_with('.') || name == except || !is_side_file ||
        name.ends_with(".safetensors.index.json") || !entry.is_regular_file(error)) {
      continue;
    }
    GLMV_ASSIGN(const std::string data, read_file(entry.path()));
    GLMV_RETURN_IF_ERROR(write_file_atomic(to / name, data));
  }
  if (error) return not_found("cannot list {}: {}", from.string(), error.message());
  return {};
}

}  // namespace glmv::checkpoint
