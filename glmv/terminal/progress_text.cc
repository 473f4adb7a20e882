#include "glmv/terminal/progress_text.h"

#include <fmt/format.h>

#include "glmv/base/texts.h"
#include "glmv/terminal/display_width.h"

namespace glmv::terminal {
namespace {

constexpr int kLongestName = 40;  // columns

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 60) return tr_format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(seconds);
  return tr_format("{} min {:02d} s", whole / 60, whole % 60);
}

std::string progress_text(const api::ChatChunk& chunk, double spent_s) {
  const std::string& phase = chunk.progress_phase;
  const int64_t done = chunk.progress_done, total = chunk.progress_total;
  const std::string name = chunk.progress_name.empty()
                               ? tr("the media")
                               : shortened(printable(chunk.progress_name), kLongestName);
  if (phase == "media") return tr_format("reading {} ... {}", name, duration_text(spent_s));
  if (phase == "pages") return tr_format("rendering {}: {} of {} pages", name, done, total);
  if (phase == "frames") return tr_format("reading {}: {} of {} frames", name, done, total);
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  const std::string left =
      share > 0 && share < 1 ? tr_format(", {} left", duration_text(spent_s / share * (1 - share)))
                             : "";
  if (phase == "vision") {
    return tr_format("looking at the picture {:.0f} % of {} patches{}", 100 * share, total, left);
  }
  return tr_format("reading the prompt {:.0f} % of {} tokens{}", 100 * share, total, left);
}

}  // namespace glmv::terminal
