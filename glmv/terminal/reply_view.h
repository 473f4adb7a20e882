#pragma once
// A reply on a terminal: progress while the prompt is read, the thought in one live line or in
// full, the answer as it comes, each block of it in its style as soon as it is complete.

#include <chrono>

#include "glmv/terminal/answer_text.h"
#include "glmv/terminal/live_region.h"
#include "glmv/terminal/markdown_blocks.h"
#include "glmv/terminal/reply_sink.h"

namespace glmv::terminal {

struct ViewOptions {
  ShowThought thought = ShowThought::kFold;
  bool colour = true;
  bool markdown = true;
  bool stats = false;
  bool repair_html = true;
};

class ReplyView final : public ReplySink {
 public:
  // `screen` outlives the view; the cursor is at the start of a line, and is so again at the end.
  ReplyView(Screen& screen, const ViewOptions& options);

  void on_chunk(const api::ChatChunk& chunk) override;
  void finish(const api::ChatReply& reply, const ReplyStats& stats) override;
  void fail(const Status& status) override;
  void on_resize() override;

 private:
  using Clock = std::chrono::steady_clock;

  void show_wait();
  void show_progress(const api::ChatChunk& chunk);
  void show_thought(const std::string& piece);
  void end_thought();
  void show_answer(const std::string& text);
  void commit(const Block& block);
  std::vector<std::string> open_lines() const;
  void draw_open(bool now);
  void close();
  std::string dim(const std::string& text) const;
  int width() const { return screen_.size().columns; }

  Screen& screen_;
  const ViewOptions options_;
  LiveRegion region_;
  AnswerText answer_;
  BlockStream blocks_;
  Clock::time_point start_, thought_start_, phase_start_, last_draw_{};
  std::string phase_, thought_line_, live_;
  int64_t thought_pieces_ = 0;
  bool in_thought_ = false, answered_ = false, blank_before_ = true, undrawn_ = false;
};

}  // namespace glmv::terminal
