#include "glmv/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "glmv/base/fd.h"
#include "glmv/base/private_file.h"

namespace glmv {
namespace {

Status errno_status(std::string_view action, const std::filesystem::path& path, int error) {
  Code code = Code::kInvalidArgument;
  if (error == ENOENT || error == ENOTDIR) code = Code::kNotFound;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  if (full || error == ENOMEM || error == EMFILE) code = Code::kResourceExhausted;
  return Status{code, fmt::format("cannot {} {}: {}{}", action, path.string(), errno_text(error),
                                  full ? "; free space there or choose another folder" : "")};
}

}  // namespace

std::string errno_text(int error) {
  char buffer[128];
  return ::strerror_r(error, buffer, sizeof buffer);
}

Result<std::string> read_file(const std::filesystem::path& path, size_t max_bytes) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return std::unexpected(errno_status("open", path, errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(errno_status("stat", path, errno));
  if (S_ISDIR(info.st_mode)) return invalid_argument("{} is a folder, not a file", path.string());
  std::string data;
  if (info.st_size > 0) data.reserve(std::min<size_t>(info.st_size, max_bytes));
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(errno_status("read", path, errno));
    if (n == 0) return data;
    if (data.size() + n > max_bytes) {
      return resource_exhausted("{} is larger than the limit of {} bytes", path.string(),
                                max_bytes);
    }
    data.append(buffer, n);
  }
}

Result<void> sync_path(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return std::unexpected(errno_status("open", path, errno));
  if (::fsync(fd.get()) != 0) return std::unexpected(errno_status("sync", path, errno));
  return {};
}

namespace {

Result<void> write_with_mode(const std::filesystem::path& path, std::string_view data,
                             mode_t mode) {
  const std::filesystem::path temporary =
      path.parent_path() / fmt::format(".{}.tmp{}", path.filename().string(), ::gettid());
  {
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd.ok()) return std::unexpected(errno_status("create", temporary, errno));
    while (!data.empty()) {
      const ssize_t n = ::write(fd.get(), data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error = errno;
        ::unlink(temporary.c_str());
        return std::unexpected(errno_status("write", path, error));
      }
      data.remove_prefix(n);
    }
    if (::fsync(fd.get()) != 0) {
      const int error = errno;
      ::unlink(temporary.c_str());
      return std::unexpected(errno_status("sync", path, error));
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return std::unexpected(errno_status("rename to", path, error));
  }
  return sync_path(path.parent_path().empty() ? "." : path.parent_path());
}

}  // namespace

Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view data) {
  return write_with_mode(path, data, 0644);
}

Result<void> write_private_file(const std::filesystem::path& path, std::string_view data) {
  return write_with_mode(path, data, 0600);
}

}  // namespace glmv
