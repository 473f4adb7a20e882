#include "glmv/terminal/tty.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace glmv::terminal {
namespace {

constexpr char kPasteOn[] = "\033[?2004h", kPasteOff[] = "\033[?2004l";

// Signal handlers can reach nothing but statics.
volatile std::sig_atomic_t interrupt_count = 0;
volatile std::sig_atomic_t resized = 0;
volatile std::sig_atomic_t tty_changed = 0;  // the terminal is not as it was found
volatile std::sig_atomic_t pastes_marked = 0;
int tty_in = -1, tty_out = -1;
termios found_modes;  // written before tty_in is set

void restore_tty() {
  if (tty_changed == 0) return;
  if (pastes_marked != 0) (void)!::write(tty_out, kPasteOff, sizeof kPasteOff - 1);
  ::tcsetattr(tty_in, TCSADRAIN, &found_modes);
  pastes_marked = 0;
  tty_changed = 0;
}

void end_process(int signal) {
  restore_tty();
  ::_exit(128 + signal);
}

void on_interrupt(int signal) {
  if (interrupt_count > 0) end_process(signal);
  interrupt_count = interrupt_count + 1;
}

void on_resize(int) { resized = 1; }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

bool is_dumb() {
  const char* term = std::getenv("TERM");
  return term == nullptr || *term == 0 || std::strcmp(term, "dumb") == 0;
}

}  // namespace

void FileScreen::write(std::string_view bytes) {
  while (!bytes.empty() && error_ == 0) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd waiting{fd_, POLLOUT, 0};
      ::poll(&waiting, 1, 1000);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
}

ScreenSize FileScreen::size() const {
  winsize size{};
  ScreenSize result;
  if (::ioctl(fd_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return result;
  result.columns = size.ws_col < 4 ? 4 : size.ws_col;
  result.rows = size.ws_row < 3 ? 3 : size.ws_row;
  if (size.ws_xpixel >= size.ws_col && size.ws_ypixel >= size.ws_row) {
    result.cell_width = size.ws_xpixel / size.ws_col;
    result.cell_height = size.ws_ypixel / size.ws_row;
  }
  return result;
}

std::unique_ptr<Tty> Tty::open(int in, int out) {
  if (is_dumb() || ::isatty(in) != 1 || ::isatty(out) != 1) return nullptr;
  if (::tcgetattr(in, &found_modes) != 0) return nullptr;
  tty_in = in;
  tty_out = out;
  return std::unique_ptr<Tty>(new Tty(in, out));
}

Tty::~Tty() {
  set_mode(InputMode::kLine);
  tty_in = tty_out = -1;
}

void Tty::set_mode(InputMode mode) {
  if (mode == InputMode::kLine) return restore_tty();
  termios modes = found_modes;
  modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);
  modes.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR);
  modes.c_oflag |= OPOST | ONLCR;
  modes.c_cc[VMIN] = 1;
  modes.c_cc[VTIME] = 0;
  if (mode == InputMode::kEditing) {
    modes.c_lflag &= ~static_cast<tcflag_t>(ISIG);
  } else {
    modes.c_lflag |= ISIG;
  }
  tty_changed = 1;
  ::tcsetattr(in_, TCSADRAIN, &modes);
  const bool mark = mode == InputMode::kEditing;
  if (mark != (pastes_marked != 0)) write(mark ? kPasteOn : kPasteOff);
  pastes_marked = mark ? 1 : 0;
}

Tty::Read Tty::read(std::string& bytes, std::chrono::milliseconds timeout) {
  pollfd waiting{in_, POLLIN, 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
  if (ready <= 0) return Read::kNothing;
  char buffer[1 << 16];
  const ssize_t n = ::read(in_, buffer, sizeof buffer);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return Read::kNothing;
  if (n <= 0) return Read::kEnd;
  bytes.append(buffer, static_cast<size_t>(n));
  return Read::kBytes;
}

void Tty::suspend() {
  set_mode(InputMode::kLine);
  ::raise(SIGTSTP);
  ::tcgetattr(in_, &found_modes);
}

void catch_signals() {
  handle(SIGINT, on_interrupt);
  handle(SIGTERM, end_process);
  handle(SIGHUP, end_process);
  handle(SIGWINCH, on_resize);
  handle(SIGCONT, on_resize);
  handle(SIGPIPE, SIG_IGN);
}

bool interrupted() { return interrupt_count > 0; }
void take_interrupt() { interrupt_count = 0; }

bool take_resize() {
  const bool taken = resized != 0;
  resized = 0;
  return taken;
}

bool wants_styles(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && !is_dumb() && (no_colour == nullptr || *no_colour == 0);
}

}  // namespace glmv::terminal
