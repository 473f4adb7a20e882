#include "glmv/base/limited_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <memory>

#include "glmv/base/fd.h"
#include "glmv/base/files.h"
#include "glmv/base/landlock.h"
#include "glmv/base/program_filter.h"

namespace glmv {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNiceness = 5;
constexpr size_t kMaxErrorBytes = 8 << 10;
constexpr int kFileNumber = 4;      // as kProgramFile has it
constexpr int kFirstFreeFile = 16;  // above all numbers that the child gives to its files
constexpr int kNoStart = 125;       // exit code; 127 is that of abort() where it may send no signal
constexpr rlim_t kMaxOpenFiles = 256;
constexpr auto kTick = std::chrono::milliseconds(20);

// What belongs to the system and tells nothing of its users.
constexpr const char* kSystem[] = {"/usr",
                                   "/bin",
                                   "/lib",
                                   "/lib64",
                                   "/etc/fonts",
                                   "/etc/ld.so.cache",
                                   "/etc/libreoffice",
                                   "/etc/localtime",
                                   "/var/cache/fontconfig",
                                   "/var/lib/libreoffice",
                                   "/var/spool/libreoffice",
                                   "/dev/random",
                                   "/dev/urandom",
                                   "/dev/zero",
                                   "/proc/cpuinfo",
                                   "/proc/meminfo",
                                   "/sys/devices/system/cpu"};

// Everything that the child needs between vfork and exec, where it may allocate nothing: it runs in
// the memory of this process.
struct Prepared {
  std::vector<char*> arguments, environment;
  const char* folder = nullptr;
  int input = -1, output = -1, errors = -1, file = -1;
  std::vector<sock_filter> filter;
  std::unique_ptr<const Fd> rules;  // null: no Landlock
  ProgramLimits limits;
};

void limit(__rlimit_resource resource, rlim_t most, rlim_t grace = 0) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return;
  now.rlim_max = std::min(now.rlim_max, most + grace);
  now.rlim_cur = std::min(now.rlim_max, most);
  ::setrlimit(resource, &now);
}

void go_before_parent() {
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    (void)!::write(score, "500", 3);
    ::close(score);
  }
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
}

[[noreturn]] void become(const Prepared& self) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (self.folder != nullptr && ::chdir(self.folder) != 0) ::_exit(kNoStart);
  if (self.folder == nullptr && ::chdir("/") != 0) ::_exit(kNoStart);
  go_before_parent();
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, kMaxOpenFiles);
  limit(RLIMIT_AS, self.limits.max_memory_bytes);
  limit(RLIMIT_FSIZE, self.limits.max_file_bytes);
  limit(RLIMIT_CPU, static_cast<rlim_t>(std::ceil(self.limits.max_cpu_seconds)), 1);
  const bool closed = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  if (self.rules != nullptr && !restrict_to(*self.rules)) ::_exit(kNoStart);
  ::dup2(self.input, STDIN_FILENO);
  ::dup2(self.output, STDOUT_FILENO);
  ::dup2(self.errors, STDERR_FILENO);
  ::close(3);
  if (self.file >= 0) {
    ::dup2(self.file, kFileNumber);
  } else {
    ::close(kFileNumber);
  }
  ::syscall(SYS_close_range, kFileNumber + 1, ~0U, 0);
  // Without a filter of system calls the other limits still hold.
  const sock_fprog program{static_cast<unsigned short>(self.filter.size()),
                           const_cast<sock_filter*>(self.filter.data())};
  if (closed) ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  ::execve(self.arguments[0], self.arguments.data(), self.environment.data());
  ::_exit(kNoStart);
}

// The memory of this process is not copied, however much it is.
__attribute__((noinline)) pid_t start(const Prepared& prepared) {
  // No handler of ours may run there.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::vfork();
  if (pid == 0) become(prepared);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// The same file at a number that is none of the child's.
std::unique_ptr<const Fd> moved_up(int file) {
  return std::make_unique<const Fd>(::fcntl(file, F_DUPFD_CLOEXEC, kFirstFreeFile));
}

struct Pipe {
  std::unique_ptr<const Fd> reader, writer;
};
Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return unavailable("no pipe: {}", errno_text(errno));
  const Fd low_writer(ends[1]);
  Pipe pipe{std::make_unique<const Fd>(ends[0]), moved_up(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  if (!pipe.writer->ok()) return unavailable("no pipe: {}", errno_text(errno));
  return pipe;
}

// A started program, ended and waited for in any case, and whatever it may have started with it.
class Child {
 public:
  explicit Child(pid_t pid)
      : pid_(pid), end_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  Child(const Child&) = delete;
  ~Child() { (void)end(); }

  // Readable when it has ended; -1 where the kernel cannot say.
  int end_file() const { return end_.get(); }

  bool has_ended() const {
    siginfo_t info{};
    const int found = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    // Where SIGCHLD is ignored, the kernel has forgotten it already.
    return found == 0 ? info.si_pid == pid_ : errno == ECHILD;
  }

  // How it ended, at the latest now.
  int end() {
    if (pid_ < 0) return status_;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_;
  int status_ = 0;
  const Fd end_;
};

// Hands on what is there to be read; false: `take` wants no more.
bool drain(const Fd& pipe, bool& open, const std::function<bool(std::string_view)>& take) {
  char buffer[64 << 10];
  while (open) {
    const ssize_t got = ::read(pipe.get(), buffer, sizeof buffer);
    if (got > 0) {
      if (!take({buffer, static_cast<size_t>(got)})) return false;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      open = false;
    } else if (errno == EAGAIN) {
      break;
    }
  }
  return true;
}

}  // namespace

Result<ProgramEnd> run_limited(const LimitedProgram& program,
                               const std::function<bool(std::string_view)>& on_output,
                               const Wanted& wanted) {
  if (::access(program.command[0].c_str(), X_OK) != 0) {
    return not_found("{}: {}", program.command[0], errno_text(errno));
  }
  std::vector<std::string> arguments = program.command;
  std::vector<std::string> environment = {"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"};
  environment.insert(environment.end(), program.environment.begin(), program.environment.end());
  const std::string folder = program.folder.string();
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto input = moved_up(null.get());
  if (!input->ok()) return unavailable("no /dev/null: {}", errno_text(errno));
  GLMV_ASSIGN(Pipe output, make_pipe());
  GLMV_ASSIGN(Pipe errors, make_pipe());
  const auto file = program.file >= 0 ? moved_up(program.file) : nullptr;
  if (file != nullptr && !file->ok()) return unavailable("no file: {}", errno_text(errno));

  FileRights rights{.readable = program.readable, .writable = {"/dev/null"}};
  rights.readable.insert(rights.readable.end(), std::begin(kSystem), std::end(kSystem));
  if (!folder.empty()) rights.writable.push_back(folder);
  Prepared prepared{.arguments = pointers(arguments),
                    .environment = pointers(environment),
                    .folder = folder.empty() ? nullptr : folder.c_str(),
                    .input = input->get(),
                    .output = output.writer->get(),
                    .errors = errors.writer->get(),
                    .file = file != nullptr ? file->get() : -1,
                    .filter = program_filter(program.local_sockets),
                    .rules = landlock_rules(rights),
                    .limits = program.limits};
  const Clock::time_point deadline =
      Clock::now() +
      std::chrono::ceil<Clock::duration>(std::chrono::duration<double>(program.limits.max_seconds));
  const pid_t pid = start(prepared);
  if (pid < 0) return unavailable("{}: {}", program.command[0], errno_text(errno));
  Child child(pid);
  output.writer.reset();
  errors.writer.reset();

  ProgramEnd end;
  const auto keep_errors = [&end](std::string_view text) {
    end.errors += text.substr(0, kMaxErrorBytes - std::min(end.errors.size(), kMaxErrorBytes));
    return true;
  };
  bool output_open = true, errors_open = true;
  while (true) {
    // Asked before reading: what was written before the end is read after it.
    const bool ended = child.has_ended();
    if (!drain(*output.reader, output_open, on_output)) return cancelled("stopped");
    drain(*errors.reader, errors_open, keep_errors);
    if (ended) break;
    if (!is_wanted(wanted)) return cancelled("stopped");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      end.out_of_time = true;
      break;
    }
    pollfd files[] = {{output_open ? output.reader->get() : -1, POLLIN, 0},
                      {errors_open ? errors.reader->get() : -1, POLLIN, 0},
                      {child.end_file(), POLLIN, 0}};
    const auto most = child.end_file() < 0 ? kTick
                      : wanted             ? kWantedInterval
                                           : std::chrono::milliseconds(60'000);
    ::poll(files, 3, static_cast<int>(std::min(left, most).count()));
  }
  const int status = child.end();
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (end.signal == SIGXCPU) end.out_of_time = true;
  if (end.exit_code == kNoStart) return unavailable("{} cannot be started", program.command[0]);
  return end;
}

Result<std::filesystem::path> find_program(std::string_view name) {
  const char* const set = std::getenv("PATH");
  const std::string_view all = set != nullptr && *set != 0 ? set : "/usr/local/bin:/usr/bin:/bin";
  for (size_t begin = 0; begin <= all.size();) {
    const size_t end = std::min(all.find(':', begin), all.size());
    const std::filesystem::path path = std::filesystem::path(all.substr(begin, end - begin)) / name;
    std::error_code error;
    if (path.is_absolute() && std::filesystem::is_regular_file(path, error) &&
        ::access(path.c_str(), X_OK) == 0) {
      return path;
    }
    begin = end + 1;
  }
  return not_found("{} is not in PATH", name);
}

}  // namespace glmv
