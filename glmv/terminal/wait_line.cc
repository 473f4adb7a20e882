#include "glmv/terminal/wait_line.h"

#include "glmv/terminal/display_width.h"
#include "glmv/terminal/progress_text.h"
#include "glmv/terminal/tty.h"

namespace glmv::terminal {
namespace {

// What is over by then is not worth a line; later ones follow so often.
constexpr std::chrono::milliseconds kPatience{300}, kPause{100};

}  // namespace

WaitLine::WaitLine(Screen& screen, bool shown) : region_(screen), screen_(screen), shown_(shown) {
  take_interrupt();
}

WaitLine::~WaitLine() {
  region_.clear();
  take_interrupt();
}

bool WaitLine::go_on(const std::string& text) {
  const Clock::time_point now = Clock::now();
  if (shown_ && now - start_ >= kPatience && now - last_draw_ >= kPause) {
    last_draw_ = now;
    region_.draw({shortened(printable(text), screen_.size().columns)});
  }
  return !interrupted();
}

bool WaitLine::go_on(const api::ChatChunk& chunk) {
  api::ChatChunk shown = chunk;
  if (shown.progress_phase.empty()) shown.progress_phase = "media";
  const double spent_s = std::chrono::duration<double>(Clock::now() - start_).count();
  return go_on(progress_text(shown, spent_s));
}

}  // namespace glmv::terminal
