#pragma once
// The folder of files that the clients of a server may name.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv::media {

// Reads regular files below one folder. Links are not followed, neither in the path nor at its end;
// the folder stays the one that was opened, whatever its name comes to mean. Immutable,
// thread-safe.
class LocalFolder {
 public:
  // The root of all files is refused unless `allow_root`. Errors: not_found, invalid_argument.
  static Result<LocalFolder> open(const std::filesystem::path& folder, bool allow_root = false);

  LocalFolder(LocalFolder&& other) noexcept;
  LocalFolder& operator=(LocalFolder&& other) noexcept;
  ~LocalFolder();

  // `path`: absolute, below the folder as it was named or as its links resolve. Errors: unsupported
  // (outside, "..", not absolute), not_found (no such file, no regular one, a link, no right to
  // read), resource_exhausted (larger than max_bytes).
  Result<std::string> read(std::string_view path, size_t max_bytes) const;

 private:
  LocalFolder(int folder, std::string given, std::string resolved)
      : folder_(folder), given_(std::move(given)), resolved_(std::move(resolved)) {}

  int folder_ = -1;
  std::string given_;     // absolute, without a slash at the end
  std::string resolved_;  // the same without links
};

namespace internal {
// The file at `path` (relative, without ".." and empty parts) below the folder, or -1 with errno.
int open_beneath(int folder, const std::string& path);
// The same for kernels without openat2: folder by folder.
int open_beneath_by_parts(int folder, const std::string& path);
}  // namespace internal

}  // namespace glmv::media
