#pragma once
// A program's terminal part in a child process on a pseudo terminal, and the screen that its user
// sees.

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>

#include "glmv/terminal/virtual_screen_for_test.h"

namespace glmv::terminal {

class PtyProgram {
 public:
  // The child runs `program` and exits with what it returns.
  explicit PtyProgram(const std::function<int()>& program, int columns = 80, int rows = 24)
      : screen_(columns, rows) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = static_cast<unsigned short>(rows);
    pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      ::setenv("TERM", "xterm-256color", 1);
      ::_exit(program());
    }
  }
  ~PtyProgram() {
    if (pid_ > 0 && !ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
  }

  void type(std::string_view bytes) {
    while (!bytes.empty()) {
      // The child must be read while it is written to.
      pollfd io{master_, POLLIN | POLLOUT, 0};
      ::poll(&io, 1, 1000);
      if ((io.revents & POLLIN) != 0) pump(0);
      if ((io.revents & POLLOUT) == 0) continue;
      const ssize_t n = ::write(master_, bytes.data(), std::min<size_t>(bytes.size(), 512));
      if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void resize(int columns, int rows) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    size.ws_row = static_cast<unsigned short>(rows);
    screen_.set_size(columns, rows);
    ::ioctl(master_, TIOCSWINSZ, &size);
  }

  // Waits until the screen (everything ever shown) holds `text`; false: it did not come in time.
  bool sees(const std::string& text, int timeout_ms = 10'000) {
    return waits_for([&] { return screen_.text().find(text) != std::string::npos; }, timeout_ms);
  }
  bool waits_for(const std::function<bool()>& condition, int timeout_ms = 10'000) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end || !pump(20)) return condition();
    }
    return true;
  }
  // The last line of the screen that holds anything begins with the prompt and waits.
  bool is_at_prompt(const std::string& prompt = ">>>") {
    return waits_for([&] {
      const auto lines = screen_.lines();
      return !lines.empty() && lines.back() == prompt;
    });
  }
  // Its exit code; -1: it does not end.
  int ends(int timeout_ms = 10'000) {
    int status = 0;
    const bool ended = waits_for(
        [&] { return ended_ || (ended_ = ::waitpid(pid_, &status, WNOHANG) == pid_); }, timeout_ms);
    pump(0);
    return !ended ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  VirtualScreen& screen() { return screen_; }
  // Line discipline of the terminal now: true as shells expect it.
  bool is_cooked() const {
    termios modes{};
    ::tcgetattr(master_, &modes);
    return (modes.c_lflag & ICANON) != 0 && (modes.c_lflag & ECHO) != 0;
  }
  pid_t pid() const { return pid_; }

 private:
  // The kernel turns \n into \r\n on the way.
  bool pump(int timeout_ms) {
    pollfd in{master_, POLLIN, 0};
    if (::poll(&in, 1, timeout_ms) <= 0) return true;
    char buffer[1 << 16];
    const ssize_t n = ::read(master_, buffer, sizeof buffer);
    if (n <= 0) {
      ::usleep(5000);
      return true;  // closed: the condition may still become true (the child ends)
    }
    screen_.write({buffer, static_cast<size_t>(n)});
    return true;
  }

  VirtualScreen screen_;
  pid_t pid_ = -1;
  int master_ = -1;
  bool ended_ = false;
};

}  // namespace glmv::terminal
