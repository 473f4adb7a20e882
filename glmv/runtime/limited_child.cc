#include "glmv/runtime/limited_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string>

namespace glmv::runtime {
namespace {

constexpr size_t kMaxMessageBytes = 4096;
constexpr int kPollMs = 20;

int64_t mapped_bytes() {
  long pages = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
  std::fclose(file);
  return static_cast<int64_t>(pages) * sysconf(_SC_PAGESIZE);
}

void limit(__rlimit_resource resource, int64_t value) {
  const rlimit bound{static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
  setrlimit(resource, &bound);
}

// First byte: '0' for success, else the code of the error; then its message.
[[noreturn]] void run_child(int out, const std::function<Result<void>()>& work,
                            const ChildLimits& limits, int64_t mapped) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds);
  limit(RLIMIT_AS, mapped + limits.memory_bytes);
  std::string answer;
  try {
    const Result<void> result = work();
    answer = result ? "0"
                    : static_cast<char>('1' + static_cast<int>(result.error().code)) +
                          result.error().message.substr(0, kMaxMessageBytes);
  } catch (const std::bad_alloc&) {
    answer = static_cast<char>('1' + static_cast<int>(Code::kResourceExhausted)) +
             std::string("takes too much memory");
  } catch (const std::exception& error) {
    answer = static_cast<char>('1' + static_cast<int>(Code::kInvalidArgument)) +
             std::string(error.what()).substr(0, kMaxMessageBytes);
  }
  size_t done = 0;
  while (done < answer.size()) {
    const ssize_t n = write(out, answer.data() + done, answer.size() - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  // No destructors, no exit handlers: they belong to the parent.
  _exit(0);
}

// How the child ended; none while it runs.
std::optional<int> ended(pid_t child, int options) {
  int status = 0;
  pid_t result = 0;
  while ((result = waitpid(child, &status, options)) < 0 && errno == EINTR) {
  }
  if (result == 0) return std::nullopt;
  return status;
}

// Its answer, until it has ended; false: the deadline came first. Another child that was forked at
// the same time may hold the pipe open, so the end of the file alone says nothing.
bool read_answer(int in, pid_t child, std::chrono::steady_clock::time_point deadline,
                 std::string& answer, int& status) {
  std::optional<int> end;
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd entry{in, POLLIN, 0};
    const int ready = poll(&entry, 1, end ? 0 : kPollMs);
    if (ready > 0) {
      char buffer[1024];
      const ssize_t n = read(in, buffer, sizeof buffer);
      if (n > 0) {
        answer.append(buffer, static_cast<size_t>(n));
        continue;
      }
      if (n < 0 && errno == EINTR) continue;
      status = end ? *end : ended(child, 0).value_or(0);
      return true;
    }
    if (end) {
      status = *end;
      return true;
    }
    end = ended(child, WNOHANG);
  }
  kill(child, SIGKILL);
  if (!end) ended(child, 0);
  return false;
}

}  // namespace

Result<void> run_in_child(const std::function<Result<void>()>& work, const ChildLimits& limits) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return internal_error("no pipe for a child process: {}", std::strerror(errno));
  }
  const int64_t mapped = mapped_bytes();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    run_child(ends[1], work, limits, mapped);
  }
  const int fork_error = errno;
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return internal_error("no child process could be started: {}", std::strerror(fork_error));
  }
  std::string answer;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(limits.wall_seconds);
  int status = 0;
  const bool in_time = read_answer(ends[0], child, deadline, answer, status);
  close(ends[0]);
  const bool out_of_time =
      !in_time ||
      (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL));
  if (out_of_time) {
    return resource_exhausted("takes more than {} seconds of processor time", limits.cpu_seconds);
  }
  if (WIFSIGNALED(status)) {
    return internal_error("crashed with signal {}", WTERMSIG(status));
  }
  if (answer == "0") return {};
  if (answer.empty()) return internal_error("ended without an answer");
  return std::unexpected(Status{static_cast<Code>(answer[0] - '1'), answer.substr(1)});
}

}  // namespace glmv::runtime
