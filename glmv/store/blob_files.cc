#include "glmv/store/blob_files.h"

#include <chrono>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/base/sha256.h"

namespace glmv::store {
namespace {

namespace fs = std::filesystem;

constexpr auto kYoung = std::chrono::hours(1);  // one that is being written has no row yet

}  // namespace

Result<fs::path> BlobFiles::path_of(const std::string& sha256) const {
  const auto digest = Digest::from_hex(sha256);
  if (!digest || digest->hex() != sha256) {
    return invalid_argument("\"{}\" is no SHA-256 of 64 lower-case digits", sha256.substr(0, 80));
  }
  return folder_ / sha256.substr(0, 2) / sha256;
}

Result<void> BlobFiles::write(const std::string& sha256, std::string_view bytes) const {
  GLMV_ASSIGN(const fs::path path, path_of(sha256));
  std::error_code error;
  if (fs::file_size(path, error) == bytes.size() && !error) return {};
  fs::create_directories(path.parent_path(), error);
  if (error) return resource_exhausted("{}: {}", path.parent_path().string(), error.message());
  auto written = write_file_atomic(path, bytes);
  if (!written) return resource_exhausted("{}", written.error().message);
  return {};
}

Result<std::string> BlobFiles::read(const std::string& sha256) const {
  GLMV_ASSIGN(const fs::path path, path_of(sha256));
  return read_file(path);
}

void BlobFiles::remove(const std::string& sha256) const {
  const auto path = path_of(sha256);
  std::error_code error;
  if (path) fs::remove(*path, error);
}

void BlobFiles::remove_strays(const std::function<bool(const std::string&)>& is_known) const {
  std::vector<fs::path> strays;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder_, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    const auto written = it->last_write_time(ignored);
    const bool young = ignored || fs::file_time_type::clock::now() - written < kYoung;
    if (young || !it->is_regular_file(ignored) || is_known(it->path().filename())) continue;
    strays.push_back(it->path());
  }
  for (const fs::path& path : strays) fs::remove(path, error);
}

}  // namespace glmv::store
