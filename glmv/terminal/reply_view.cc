#include "glmv/terminal/reply_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "glmv/base/texts.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/markdown_render.h"
#include "glmv/terminal/progress_text.h"
#include "glmv/terminal/styled_text.h"

namespace glmv::terminal {
namespace {

// For the eye: live lines ten times a second, text thirty times.
constexpr std::chrono::milliseconds kLinePause{100}, kTextPause{33};
constexpr double kPatience = 0.5;  // seconds without a sign of life before one is shown

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

ReplyView::ReplyView(Screen& screen, const ViewOptions& options)
    : screen_(screen),
      options_(options),
      region_(screen),
      answer_(options.repair_html),
      start_(Clock::now()) {}

std::string ReplyView::dim(const std::string& text) const {
  return styled(text, kDim, options_.colour);
}

void ReplyView::show_wait() {
  if (answered_ || in_thought_ || !phase_.empty() || seconds_since(start_) < kPatience) return;
  if (Clock::now() - last_draw_ < kLinePause) return;
  last_draw_ = Clock::now();
  region_.draw({dim(shortened(tr_format("waiting {:.1f} s", seconds_since(start_)), width()))});
}

void ReplyView::show_progress(const api::ChatChunk& chunk) {
  if (answered_ || in_thought_) return;
  if (const std::string phase = chunk.progress_phase + chunk.progress_name; phase != phase_) {
    phase_ = phase;
    phase_start_ = Clock::now();
  } else if (Clock::now() - last_draw_ < kLinePause) {
    return;
  }
  last_draw_ = Clock::now();
  region_.draw({dim(shortened(progress_text(chunk, seconds_since(phase_start_)), width()))});
}

void ReplyView::show_thought(const std::string& piece) {
  if (!in_thought_) {
    in_thought_ = true;
    thought_start_ = Clock::now();
    region_.clear();
  }
  if (!piece.empty()) ++thought_pieces_;
  if (options_.thought == ShowThought::kFold) {
    if (Clock::now() - last_draw_ < kLinePause) return;
    last_draw_ = Clock::now();
    region_.draw({dim(shortened(
        tr_format("thinking\u2026 {} tok {:.1f} s", thought_pieces_, seconds_since(thought_start_)),
        width()))});
    return;
  }
  if (options_.thought == ShowThought::kHide) return;
  thought_line_ += printable(piece);
  while (true) {
    const size_t newline = thought_line_.find('\n');
    const bool whole = newline != std::string::npos;
    std::vector<std::string> lines;
    for (const std::string& line :
         wrap(std::string_view(thought_line_).substr(0, newline), width())) {
      lines.push_back(dim(line));
    }
    if (!whole) return region_.draw(thought_line_.empty() ? std::vector<std::string>() : lines);
    region_.commit(std::move(lines));
    thought_line_.erase(0, newline + 1);
  }
}

void ReplyView::end_thought() {
  if (!in_thought_) return;
  if (options_.thought == ShowThought::kFold) {
    const std::string text =
        tr_format("\u25b8 thought for {} ({} tok)", duration_text(seconds_since(thought_start_)),
                  thought_pieces_);
    region_.commit({dim(shortened(text, width()))});
  } else if (options_.thought == ShowThought::kFull) {
    if (!thought_line_.empty()) show_thought("\n");
    region_.commit({""});
  }
  in_thought_ = false;
}

std::vector<std::string> ReplyView::open_lines() const {
  const Block block = blocks_.open();
  std::vector<std::string> lines = render_open(block, width());
  // A table is drawn anew as a whole at its end, so no row of it may leave the screen before.
  const auto most = static_cast<size_t>(std::max(2, screen_.size().rows - 2));
  if (block.kind == BlockKind::kTable && lines.size() > most) {
    const size_t hidden = lines.size() - most + 1;
    lines.resize(most - 1);
    lines.push_back(dim(tr_format("\u2026 {} lines more", hidden)));
  }
  return lines;
}

void ReplyView::draw_open(bool now) {
  undrawn_ = !now && Clock::now() - last_draw_ < kTextPause;
  if (undrawn_) return;
  last_draw_ = Clock::now();
  region_.draw(open_lines());
}

void ReplyView::commit(const Block& block) {
  if (block.kind == BlockKind::kBlank) {
    // One blank line between blocks is enough.
    if (!blank_before_) region_.commit({""});
    blank_before_ = true;
    return;
  }
  blank_before_ = false;
  const RenderOptions options{width(), options_.colour, options_.markdown};
  if (region_.is_taller_than_screen()) return region_.commit(render_open(block, width()));
  region_.commit(render_block(block, options));
}

void ReplyView::show_answer(const std::string& text) {
  if (text.empty()) return;
  if (!answered_) {
    end_thought();
    region_.clear();
    answered_ = true;
  }
  const std::vector<Block> done = blocks_.feed(printable(text));
  for (const Block& block : done) commit(block);
  draw_open(!done.empty());
}

void ReplyView::on_chunk(const api::ChatChunk& chunk) {
  if (!chunk.progress_phase.empty()) show_progress(chunk);
  if (!chunk.reasoning.empty() || (in_thought_ && chunk.content.empty())) {
    show_thought(chunk.reasoning);
  }
  if (!chunk.content.empty()) {
    show_answer(answer_.push(chunk.content));
  } else if (undrawn_) {
    draw_open(false);
  }
  if (chunk.reasoning.empty() && chunk.content.empty()) show_wait();
}

void ReplyView::close() {
  show_answer(answer_.finish());
  end_thought();
  if (!answered_) region_.clear();
  for (const Block& block : blocks_.finish()) commit(block);
}

void ReplyView::finish(const api::ChatReply& reply, const ReplyStats& stats) {
  if (!answered_ && !reply.content.empty()) show_answer(answer_.push(reply.content));
  close();
  std::string note;
  if (reply.finish_reason == "cancelled") note = tr("(interrupted; what has come is kept)");
  if (reply.finish_reason == "length")
    note = tr("(cut at the token limit; /set max-tokens raises it)");
  if (reply.finish_reason == "repetition") note = tr("(stopped: the output went in circles)");
  if (reply.restated) note = tr("(the model said its answer a second time, which is left out)");
  if (reply.reasoning_reclassified) note = tr("(the thought was never closed: this is its text)");
  if (!note.empty()) region_.commit({dim(shortened(note, width()))});
  if (options_.stats) {
    std::vector<std::string> lines;
    for (const std::string& line : wrap(stats_line(stats), width())) lines.push_back(dim(line));
    region_.commit(std::move(lines));
  }
}

void ReplyView::fail(const Status& status) {
  close();
  std::vector<std::string> lines;
  for (const std::string& line : wrap(tr_format("error: {}", printable(status.message)), width())) {
    lines.push_back(line);
  }
  region_.commit(std::move(lines));
}

void ReplyView::on_resize() {
  if (answered_) return region_.resize(open_lines());
  region_.resize({});
}

}  // namespace glmv::terminal
