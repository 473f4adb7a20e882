#include "glmv/base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "glmv/base/fd.h"
#include "glmv/base/files.h"

namespace glmv {
namespace {

// What a child may know of our environment: where its libraries are, how it is checked.
constexpr const char* kPassedOn[] = {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                     "TSAN_OPTIONS"};

std::vector<std::string> child_environment() {
  std::vector<std::string> variables = {"OMP_NUM_THREADS=1", "LC_ALL=C.UTF-8"};
  for (const char* name : kPassedOn) {
    if (const char* value = std::getenv(name); value != nullptr) {
      variables.push_back(std::string(name) + "=" + value);
    }
  }
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// Waits until the socket is ready for `events`; false at the deadline, or when it is not wanted.
bool wait_for(int socket, short events, ChildProcess::Deadline deadline, const Wanted& wanted) {
  const int64_t most = wanted ? kWantedInterval.count() : 60'000;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !is_wanted(wanted)) return false;
    pollfd entry{socket, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<int64_t>(left.count(), most)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& command, int file) {
  // At a number that is none of the child's.
  std::optional<Fd> copy;
  if (file >= 0) copy.emplace(::fcntl(file, F_DUPFD_CLOEXEC, kChildFile + 1));
  if (copy && !copy->ok()) return unavailable("no file for a child: {}", errno_text(errno));
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return unavailable("no socket for a child process: {}", errno_text(errno));
  }
  std::vector<std::string> arguments = command, environment = child_environment();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int standard = 0; standard < kChildSocket; ++standard) {
    posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_RDWR, 0);
  }
  // Our end of the socket pair is closed with everything else: the child sees when we are gone.
  posix_spawn_file_actions_adddup2(&actions, sockets[1], kChildSocket);
  if (copy) posix_spawn_file_actions_adddup2(&actions, copy->get(), kChildFile);
  posix_spawn_file_actions_addclosefrom_np(&actions, (copy ? kChildFile : kChildSocket) + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, arguments[0].c_str(), &actions, &attributes,
                                  pointers(arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(sockets[1]);
  if (error != 0) {
    ::close(sockets[0]);
    return unavailable("{} cannot be started: {}", command[0], errno_text(error));
  }
  return ChildProcess(pid, sockets[0]);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::exchange(other.socket_, -1)),
      wanted_(std::move(other.wanted_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(socket_, other.socket_);
  std::swap(wanted_, other.wanted_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (socket_ >= 0) ::close(socket_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool ChildProcess::send(const void* bytes, size_t num_bytes, Deadline deadline) {
  const char* next = static_cast<const char*>(bytes);
  while (num_bytes > 0) {
    const ssize_t sent = ::send(socket_, next, num_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      next += sent;
      num_bytes -= static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(socket_, POLLOUT, deadline, wanted_)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool ChildProcess::receive(void* bytes, size_t num_bytes, Deadline deadline) {
  char* next = static_cast<char*>(bytes);
  while (num_bytes > 0) {
    const ssize_t received = ::recv(socket_, next, num_bytes, MSG_DONTWAIT);
    if (received > 0) {
      next += received;
      num_bytes -= static_cast<size_t>(received);
    } else if (received == 0) {
      return false;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(socket_, POLLIN, deadline, wanted_)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace glmv
