#include "glmv/base/child_side.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "glmv/base/files.h"

namespace glmv {
namespace {

constexpr int kNiceness = 5;

}  // namespace

Result<bool> read_all(int socket, void* bytes, size_t num_bytes) {
  char* next = static_cast<char*>(bytes);
  while (num_bytes > 0) {
    const ssize_t got = ::read(socket, next, num_bytes);
    if (got == 0) return false;
    if (got < 0 && errno != EINTR) return unavailable("read: {}", errno_text(errno));
    if (got < 0) continue;
    next += got;
    num_bytes -= static_cast<size_t>(got);
  }
  return true;
}

Result<void> write_all(int socket, const void* bytes, size_t num_bytes) {
  const char* next = static_cast<const char*>(bytes);
  while (num_bytes > 0) {
    const ssize_t written = ::write(socket, next, num_bytes);
    if (written < 0 && errno != EINTR) return unavailable("write: {}", errno_text(errno));
    if (written < 0) continue;
    next += written;
    num_bytes -= static_cast<size_t>(written);
  }
  return {};
}

void end_with_parent(int socket) {
  std::thread([socket] {
    pollfd entry{socket, 0, 0};
    while (::poll(&entry, 1, -1) <= 0) {
    }
    ::_exit(0);
  }).detach();
}

void stand_behind_parent() {
  std::ofstream("/proc/self/oom_score_adj") << 500;
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
}

}  // namespace glmv
