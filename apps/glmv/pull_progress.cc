#include "apps/glmv/pull_progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "apps/glmv/command.h"
#include "glmv/base/texts.h"
#include "glmv/terminal/display_width.h"

namespace glmv::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kRateWindow = 5s;
constexpr auto kPlainInterval = 10s;

size_t terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
  return known ? size.ws_col : 80;
}

// So many columns at most; the middle of longer texts is left out, by bytes, of which a column
// takes one at least. Names may hold any UTF-8: what is cut is cut between characters.
std::string shortened(const std::string& text, size_t columns) {
  const auto width = static_cast<size_t>(terminal::display_width(text));
  if (width <= columns || columns < 8) return text;
  const auto continues = [&text](size_t at) { return (text[at] & 0xc0) == 0x80; };
  size_t front = (columns - 3) / 2, back = text.size() - (columns - 3 - front);
  while (front > 0 && continues(front)) --front;
  while (back < text.size() && continues(back)) ++back;
  return text.substr(0, front) + "..." + text.substr(back);
}

}  // namespace

void PullProgress::on_plan(const hub::PullPlan& plan) {
  total_ = plan.total_bytes();
  here_ = total_ - plan.missing_bytes();
  num_files_ = plan.files.size();
  for (const hub::PullFile& file : plan.files) num_done_ += file.present == file.size;
  if (show_ == Show::kNothing) return;
  clear_line();
  const std::string here =
      here_ == total_ ? tr(", all here already")
      : here_ > 0     ? tr_format(", {} here already", bytes_text(static_cast<double>(here_)))
                      : "";
  fmt::print(stderr, "{}{}\n",
             tr_format("{} at {}: {} files, {}", name_, plan.commit.substr(0, 12), num_files_,
                       bytes_text(static_cast<double>(total_))),
             here);
}

void PullProgress::on_file(const hub::PullFile& file) {
  file_ = file.name;
  in_file_ = file.present;
  draw(true);
}

void PullProgress::on_bytes(const hub::PullFile&, int64_t present) {
  const int64_t more = present - in_file_;
  in_file_ = present;
  here_ += more;
  if (more > 0) fetched_ += more;
  const auto now = Clock::now();
  if (samples_.empty() || now - samples_.back().time > 100ms) {
    samples_.push_back({now, fetched_});
    while (samples_.size() > 2 && now - samples_.front().time > kRateWindow) samples_.pop_front();
  }
  draw(false);
}

void PullProgress::on_file_done(const hub::PullFile& file) {
  ++num_done_;
  if (show_ == Show::kPlainLines) {
    fmt::print(
        stderr, "{}\n",
        tr_format("{} ({}): {} of {} files; {}", file.name,
                  bytes_text(static_cast<double>(file.size)), num_done_, num_files_, overall()));
    last_line_ = Clock::now();
  }
}

void PullProgress::on_note(const std::string& text) {
  if (show_ == Show::kNothing) return;
  clear_line();
  fmt::print(stderr, "{}\n", text);
}

bool PullProgress::wanted() {
  if (show_ != Show::kNothing) draw(false);
  return !interrupted();
}

double PullProgress::bytes_per_second() const {
  constexpr auto kLeastTime = 500ms;  // before it, figures would only jump
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> spent = Clock::now() - samples_.front().time;
  if (spent < kLeastTime) return 0;
  return static_cast<double>(fetched_ - samples_.front().fetched) / std::max(spent.count(), 1e-3);
}

std::string PullProgress::overall() const {
  const double share = total_ > 0 ? static_cast<double>(here_) / static_cast<double>(total_) : 1;
  std::string text =
      tr_format("{:.0f} % of {}", 100 * share, bytes_text(static_cast<double>(total_)));
  const double rate = bytes_per_second();
  if (rate > 0) text += tr_format(", {}/s", bytes_text(rate));
  if (rate > 0 && here_ < total_) {
    text += tr_format(", {} left", duration_text(static_cast<double>(total_ - here_) / rate));
  }
  return text;
}

void PullProgress::draw(bool now) {
  if (num_files_ == 0) return;  // nothing is known yet
  const auto time = Clock::now();
  if (show_ == Show::kPlainLines) {
    if (time - last_line_ < kPlainInterval) return;
    last_line_ = time;
    fmt::print(stderr, "{}: {}\n", file_, overall());
  } else if (show_ == Show::kLiveLine && (now || time - last_draw_ > 100ms)) {
    last_draw_ = time;
    const std::string figures = fmt::format("[{}/{}] {}", num_done_, num_files_, overall());
    const size_t columns = terminal_columns() - 1;
    const auto used = static_cast<size_t>(terminal::display_width(figures)) + 1;
    const size_t left = columns > used ? columns - used : 0;
    fmt::print(stderr, "\r\033[K{} {}", shortened(figures, columns),
               left >= 8 ? shortened(file_, left) : "");
    std::fflush(stderr);
    drawn_ = true;
  }
}

void PullProgress::clear_line() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace glmv::app
