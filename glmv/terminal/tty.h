#pragma once
// The terminal of this process: modes, size, bytes, signals.

#include <chrono>
#include <memory>
#include <string>

#include "glmv/terminal/screen.h"

namespace glmv::terminal {

// A file that is written to as it stands.
class FileScreen : public Screen {
 public:
  explicit FileScreen(int fd) : fd_(fd) {}
  void write(std::string_view bytes) override;
  ScreenSize size() const override;  // of the terminal; 80 x 24 when it is none
  // errno of a write that failed (the reader is gone, the disk is full): nothing is written any
  // more.
  int error() const override { return error_; }
  bool has_failed() const { return error_ != 0; }

 private:
  const int fd_;
  int error_ = 0;
};

enum class InputMode {
  kLine,     // as it was found
  kEditing,  // every key at once, none of them a signal, bracketed paste
  kReply,    // while a reply comes: typed keys are kept for later and not shown, Ctrl-C is SIGINT
};

// One at a time. Puts the terminal back as it was, also when a signal ends the process.
class Tty : public FileScreen {
 public:
  // Null unless both are terminals that can move the cursor (TERM is set and not "dumb").
  static std::unique_ptr<Tty> open(int in, int out);
  ~Tty() override;

  void set_mode(InputMode mode);
  enum class Read { kBytes, kNothing, kEnd };
  // Appends what comes within `timeout` (negative: any time), or nothing when a signal came.
  Read read(std::string& bytes, std::chrono::milliseconds timeout);
  // Stops this process as Ctrl-Z does; goes on when the shell says so.
  void suspend();

 private:
  Tty(int in, int out) : FileScreen(out), in_(in) {}

  const int in_;
};

// From now on: SIGINT is noted, a second one before it was taken ends the process; SIGTERM and
// SIGHUP end it; SIGWINCH and SIGCONT are noted.
void catch_signals();
bool interrupted();
void take_interrupt();
// True once for each change.
bool take_resize();

// `fd` is a terminal and neither NO_COLOR nor TERM=dumb is set.
bool wants_styles(int fd);

}  // namespace glmv::terminal
