#pragma once
// A program that this process starts, talks to over a socket and ends.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/base/wanted.h"

namespace glmv {

// The running program itself, also when its file has been replaced meanwhile.
inline constexpr char kThisProgram[] = "/proc/self/exe";
// The number under which a child finds its end of the socket.
inline constexpr int kChildSocket = 3;
// And the file that it was given.
inline constexpr int kChildFile = 4;

// Not thread-safe. Killed and waited for by the destructor.
class ChildProcess {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // The child has no other open files than its socket and /dev/null, an environment of what the
  // loader needs only, and a process group of its own, so that Ctrl-C does not reach it.
  // `file`: one that is open here and shall be there too. Errors: unavailable (no such program, no
  // memory).
  static Result<ChildProcess> start(const std::vector<std::string>& command, int file = -1);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  // Asked while send() and receive() wait, which give up when it says no.
  void set_wanted(Wanted wanted) { wanted_ = std::move(wanted); }
  // All bytes by the deadline; false: the child is gone, too slow, or not wanted.
  bool send(const void* bytes, size_t num_bytes, Deadline deadline);
  bool receive(void* bytes, size_t num_bytes, Deadline deadline);

  pid_t pid() const { return pid_; }

 private:
  ChildProcess(pid_t pid, int socket) : pid_(pid), socket_(socket) {}

  pid_t pid_ = -1;
  int socket_ = -1;
  Wanted wanted_;
};

}  // namespace glmv
