#include "glmv/terminal/programs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "glmv/base/fd.h"
#include "glmv/base/files.h"
#include "glmv/base/texts.h"
#include "glmv/base/utf8.h"

namespace glmv::terminal {
namespace {

constexpr size_t kMaxTextBytes = size_t{64} << 20;
constexpr size_t kMaxPictureBytes = size_t{128} << 20;
constexpr std::chrono::seconds kClipboardPatience{10};

// Signals as a program expects them; `out`: its output, or -1 for ours.
Result<pid_t> start(const std::vector<std::string>& command, int out) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (out >= 0) {
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  }
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::sigaddset(&defaults, signal);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error =
      ::posix_spawnp(&pid, command[0].c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error == ENOENT) return not_found("{}", tr_format("there is no program {}", command[0]));
  if (error != 0)
    return unavailable("{}", tr_format("{} does not start: {}", command[0], errno_text(error)));
  return pid;
}

Result<void> wait_for(pid_t pid, const std::string& name) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status)) {
    return unavailable("{}", tr_format("{} failed with code {}", name, WEXITSTATUS(status)));
  }
  return unavailable("{}", tr_format("{} was ended by signal {}", name, WTERMSIG(status)));
}

// While an editor has the terminal, Ctrl-C is for it.
class IgnoredInterrupts {
 public:
  IgnoredInterrupts() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &before_);
  }
  ~IgnoredInterrupts() { ::sigaction(SIGINT, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != 0;
}

}  // namespace

Result<std::string> output_of(const std::vector<std::string>& command, size_t max_bytes,
                              std::chrono::milliseconds timeout) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return unavailable("no pipe: {}", errno_text(errno));
  const Fd out(ends[0]);
  Result<pid_t> pid = not_found("");
  {
    const Fd in(ends[1]);
    pid = start(command, in.get());
  }
  if (!pid) return std::unexpected(pid.error());
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string bytes;
  char buffer[1 << 16];
  Result<void> problem;
  while (problem) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{out.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
      problem = unavailable("{}", tr_format("{} does not answer", command[0]));
      break;
    }
    const ssize_t n = ::read(out.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    bytes.append(buffer, static_cast<size_t>(n));
    if (bytes.size() > max_bytes) {
      problem = resource_exhausted("{} gives more than {} bytes", command[0], max_bytes);
    }
  }
  if (!problem) ::kill(*pid, SIGKILL);
  const Result<void> ended = wait_for(*pid, command[0]);
  if (!problem) return std::unexpected(problem.error());
  GLMV_RETURN_IF_ERROR(ended);
  return bytes;
}

Result<std::string> edit_elsewhere(const std::string& text) {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) folder = "/tmp";
  std::string path = (folder / "glmv-message-XXXXXX.md").string();
  const Fd file(::mkostemps(path.data(), 3, O_CLOEXEC));
  if (!file.ok())
    return unavailable("cannot make a file in {}: {}", folder.string(), errno_text(errno));
  const auto remove = [&] { ::unlink(path.c_str()); };
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const std::string reason = errno_text(errno);
    remove();
    return resource_exhausted("cannot write {}: {}", path, reason);
  }
  std::string editor = "vi";
  for (const char* variable : {"EDITOR", "VISUAL"}) {
    if (is_set(variable)) editor = std::getenv(variable);
  }
  const IgnoredInterrupts ignored;
  // Editors come with arguments ("code --wait").
  auto pid = start({"/bin/sh", "-c", editor + " \"$1\"", "sh", path}, -1);
  Result<void> ended;
  if (pid) {
    ended = wait_for(*pid, editor);
  } else {
    ended = std::unexpected(pid.error());
  }
  Result<std::string> edited = read_file(path, kMaxTextBytes);
  remove();
  if (!ended) return in_context(tr("the message is as before"), ended.error());
  if (!edited) return edited;
  std::string result = repair_utf8(*edited);
  while (!result.empty() && result.back() == '\n') result.pop_back();
  return result;
}

Result<std::string> clipboard_picture() {
  struct Source {
    const char* display;
    std::vector<std::string> command;
  };
  const Source sources[] = {
      {"WAYLAND_DISPLAY", {"wl-paste", "--no-newline", "--type", "image/png"}},
      {"DISPLAY", {"xclip", "-selection", "clipboard", "-target", "image/png", "-out"}},
  };
  std::string problems;
  for (const Source& source : sources) {
    if (!is_set(source.display)) continue;
    auto bytes = output_of(source.command, kMaxPictureBytes, kClipboardPatience);
    if (bytes && !bytes->empty()) return bytes;
    problems += (problems.empty() ? "" : "; ") +
                (bytes ? tr_format("{} gives nothing", source.command[0]) : bytes.error().message);
  }
  if (problems.empty()) {
    return unavailable("{}",
                       tr("there is no clipboard: neither WAYLAND_DISPLAY nor DISPLAY is set"));
  }
  return unavailable("{}", tr_format("no picture in the clipboard ({})", problems));
}

}  // namespace glmv::terminal
