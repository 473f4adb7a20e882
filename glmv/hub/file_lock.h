#pragma once
// A lock on a file, held by one process or thread at a time and freed when its holder ends, however
// it ends. The same that huggingface_hub takes (flock).

#include <filesystem>
#include <functional>
#include <optional>

#include "glmv/base/fd.h"
#include "glmv/base/result.h"

namespace glmv::hub {

class FileLock {
 public:
  // nullopt: somebody else holds it. Errors: invalid_argument, unsupported (a file system without
  // locks).
  static Result<std::optional<FileLock>> try_take(const std::filesystem::path& path);
  // Waits; `waiting` is called ten times a second until it returns false (cancelled).
  static Result<FileLock> take(const std::filesystem::path& path,
                               const std::function<bool()>& waiting);

  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace glmv::hub
