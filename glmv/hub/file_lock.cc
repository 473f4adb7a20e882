#include "glmv/hub/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "glmv/base/files.h"

namespace glmv::hub {
namespace {

// The holder before may have removed the file: then a lock on it keeps nobody away.
bool is_still_there(int fd, const std::filesystem::path& path) {
  struct stat held{}, found{};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &found) == 0 &&
         held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

}  // namespace

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::optional<FileLock>> FileLock::try_take(const std::filesystem::path& path) {
  while (true) {
    FileLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (lock.fd_ < 0) {
      return invalid_argument("cannot open the lock {}: {}", path.string(), errno_text(errno));
    }
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) == 0) {
      if (!is_still_there(lock.fd_, path)) continue;
      return std::optional(std::move(lock));
    }
    if (errno == EWOULDBLOCK) return std::nullopt;
    if (errno == EINTR) continue;
    return unsupported("cannot lock {}: {}; put the cache on another file system with HF_HOME",
                       path.string(), errno_text(errno));
  }
}

Result<FileLock> FileLock::take(const std::filesystem::path& path,
                                const std::function<bool()>& waiting) {
  while (true) {
    GLMV_ASSIGN(std::optional<FileLock> lock, try_take(path));
    if (lock) return std::move(*lock);
    if (!waiting()) return cancelled("stopped while another program fetched the same file");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace glmv::hub
