#pragma once
// Bytes as files named by their digest: blobs/ab/abcd...

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv::store {

// Digests are 64 lower-case hexadecimal digits; others are invalid_argument.
class BlobFiles {
 public:
  explicit BlobFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // On the disk when it returns. Fine where it is there already.
  Result<void> write(const std::string& sha256, std::string_view bytes) const;
  Result<std::string> read(const std::string& sha256) const;
  void remove(const std::string& sha256) const;
  // Every file below the folder that is older than an hour and of which `is_known` says no.
  void remove_strays(const std::function<bool(const std::string& sha256)>& is_known) const;

 private:
  Result<std::filesystem::path> path_of(const std::string& sha256) const;

  std::filesystem::path folder_;
};

}  // namespace glmv::store
