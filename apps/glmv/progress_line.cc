#include "apps/glmv/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "apps/glmv/command.h"
#include "glmv/base/texts.h"

namespace glmv::app {
namespace {

constexpr double kTerminalInterval_s = 0.5;
constexpr double kLogInterval_s = 30;
constexpr double kFirstLog_s = 10;

}  // namespace

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDERR_FILENO) == 1), next_(terminal_ ? 0 : kFirstLog_s) {}

double ProgressLine::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void ProgressLine::show(int64_t done, int64_t total, int64_t skipped) {
  const double spent = seconds();
  if (spent < next_) return;
  next_ = spent + (terminal_ ? kTerminalInterval_s : kLogInterval_s);
  const double rate = static_cast<double>(done - skipped) / std::max(spent, 1e-3);
  const std::string left =
      rate > 0 ? duration_text(static_cast<double>(total - done) / rate) : tr("unknown");
  const std::string text =
      tr_format("{} of {} done, {:.1f} a minute, {} left", done, total, rate * 60, left);
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", text, terminal_ ? "\x1b[K" : "\n");
  shown_ = true;
}

void ProgressLine::clear() {
  if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace glmv::app
