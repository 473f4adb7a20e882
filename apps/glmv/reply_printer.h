#pragma once
// Shows a reply while it comes in: progress with time left while pictures are encoded and the
// prompt is read, the thought folded or full, the answer streamed, one line of figures at the end.

#include <chrono>
#include <string>

#include "glmv/api/chat_types.h"
#include "glmv/terminal/answer_text.h"

namespace glmv::app {

enum class ShowThought { kFold, kFull, kHide };

class ReplyPrinter {
 public:
  struct Options {
    ShowThought thought = ShowThought::kFold;
    bool colour = true;    // stderr and stdout are terminals, NO_COLOR is not set
    bool terminal = true;  // stdout is one: control characters of the text are shown, not obeyed
    bool progress = true;  // live lines on stderr
    bool stats = true;
  };

  explicit ReplyPrinter(Options options);
  ~ReplyPrinter();
  ReplyPrinter(const ReplyPrinter&) = delete;

  void on_chunk(const api::ChatChunk& chunk);
  void finish(const api::ChatReply& reply);

 private:
  void live_line(const std::string& text);
  void clear_live_line();
  void show_progress(const api::ChatChunk& chunk);
  void show_thought(const std::string& piece);
  void show_answer(const std::string& piece);
  std::string shown(const std::string& text) const;

  Options options_;
  terminal::AnswerText answer_{false};
  bool live_ = false;
  bool in_thought_ = false;
  int64_t thought_pieces_ = 0;
  std::string phase_;
  std::chrono::steady_clock::time_point phase_start_;
  std::chrono::steady_clock::time_point thought_start_;
  std::chrono::steady_clock::time_point last_draw_;
  bool ends_with_newline_ = true;
};

// "[prompt 84 tok (16 image) 0.02 s 4100 t/s | ttft ... ]"
std::string stats_line(const api::ChatReply& reply);

// True when `fd` is a terminal and NO_COLOR is not set.
bool wants_colour(int fd);

}  // namespace glmv::app
