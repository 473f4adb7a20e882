#pragma once
// Work between two prompts that may take longer than a moment: one live line says what it is, and
// Ctrl-C ends it.

#include <chrono>
#include <string>

#include "glmv/api/chat_types.h"
#include "glmv/terminal/live_region.h"

namespace glmv::terminal {

// Calls of one thread, as the work goes on.
class WaitLine {
 public:
  // `screen` outlives it, its cursor is at the start of a line. Not `shown`: only Ctrl-C is heard.
  WaitLine(Screen& screen, bool shown);
  // The line is gone, and Ctrl-C means what comes next.
  ~WaitLine();
  WaitLine(const WaitLine&) = delete;

  // False: Ctrl-C.
  bool go_on(const std::string& text);
  bool go_on(const api::ChatChunk& chunk);

 private:
  using Clock = std::chrono::steady_clock;

  LiveRegion region_;
  Screen& screen_;
  const bool shown_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_ = start_;
};

}  // namespace glmv::terminal
