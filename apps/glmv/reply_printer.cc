#include "apps/glmv/reply_printer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "apps/glmv/standard_output.h"
#include "glmv/base/texts.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/progress_text.h"

namespace glmv::app {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double per_second(int64_t count, double ms) { return ms > 0 ? 1000.0 * count / ms : 0; }

}  // namespace

bool wants_colour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (no_colour == nullptr || *no_colour == 0);
}

ReplyPrinter::ReplyPrinter(Options options) : options_(options) {}
ReplyPrinter::~ReplyPrinter() {
  if (live_) std::fputs("\r\033[K", stderr);
}

void ReplyPrinter::live_line(const std::string& text) {
  // Ten a second are enough for the eye.
  if (live_ && seconds_since(last_draw_) < 0.1) return;
  last_draw_ = Clock::now();
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
  live_ = true;
}

void ReplyPrinter::clear_live_line() {
  if (live_) fmt::print(stderr, "\r\033[K");
  live_ = false;
}

void ReplyPrinter::show_progress(const api::ChatChunk& chunk) {
  if (!options_.progress) return;
  if (const std::string phase = chunk.progress_phase + chunk.progress_name; phase != phase_) {
    phase_ = phase;
    phase_start_ = Clock::now();
  }
  live_line(terminal::progress_text(chunk, seconds_since(phase_start_)));
}

void ReplyPrinter::on_chunk(const api::ChatChunk& chunk) {
  if (!chunk.progress_phase.empty()) show_progress(chunk);
  if (!chunk.reasoning.empty()) show_thought(chunk.reasoning);
  // Half a character would not be seen as one.
  if (!chunk.content.empty()) {
    show_answer(options_.terminal ? answer_.push(chunk.content) : chunk.content);
  }
}

std::string ReplyPrinter::shown(const std::string& text) const {
  return options_.terminal ? terminal::printable(text) : text;
}

void ReplyPrinter::show_thought(const std::string& piece) {
  if (!in_thought_) {
    in_thought_ = true;
    thought_start_ = Clock::now();
  }
  ++thought_pieces_;
  if (options_.thought == ShowThought::kFull) {
    clear_live_line();
    fmt::print("{}{}{}", options_.colour ? "\033[2m" : "", shown(piece),
               options_.colour ? "\033[0m" : "");
    flush_output();
    ends_with_newline_ = piece.back() == '\n';
  } else if (options_.thought == ShowThought::kFold && options_.progress) {
    live_line(
        tr_format("thinking ... {} tok {:.1f} s", thought_pieces_, seconds_since(thought_start_)));
  }
}

void ReplyPrinter::show_answer(const std::string& piece) {
  if (piece.empty()) return;
  clear_live_line();
  if (in_thought_) {
    in_thought_ = false;
    if (options_.thought == ShowThought::kFold && options_.progress) {
      fmt::print(stderr, "{}{}{}\n", options_.colour ? "\033[2m" : "",
                 tr_format("> thought for {:.1f} s", seconds_since(thought_start_)),
                 options_.colour ? "\033[0m" : "");
    } else if (options_.thought == ShowThought::kFull) {
      fmt::print("{}\n", ends_with_newline_ ? "" : "\n");
    }
  }
  fmt::print("{}", shown(piece));
  flush_output();
  ends_with_newline_ = piece.back() == '\n';
}

void ReplyPrinter::finish(const api::ChatReply& reply) {
  clear_live_line();
  show_answer(answer_.finish());
  if (!ends_with_newline_) fmt::print("\n");
  flush_output();
  ends_with_newline_ = true;
  if (reply.finish_reason == "length") {
    fmt::print(stderr, "{}\n", tr("(cut at the token limit; raise --max-tokens)"));
  }
  if (reply.finish_reason == "repetition") {
    fmt::print(stderr, "{}\n", tr("(stopped: the model went in circles)"));
  }
  if (reply.restated) {
    fmt::print(stderr, "{}\n", tr("(the model said its answer a second time, which is left out)"));
  }
  if (options_.stats) {
    fmt::print(stderr, "{}{}{}\n", options_.colour ? "\033[2m" : "", stats_line(reply),
               options_.colour ? "\033[0m" : "");
  }
}

std::string stats_line(const api::ChatReply& reply) {
  const api::ChatTimings& t = reply.timings;
  const api::ChatUsage& u = reply.usage;
  return tr_format(
      "[prompt {} tok ({} image, {} cached) {:.2f} s {:.0f} t/s | vision {:.2f} s | ttft {:.2f} s "
      "| gen {} tok "
      "{:.2f} s {:.1f} t/s | think {} | stop {}]",
      u.prompt_tokens, u.image_tokens, u.cached_tokens, t.prefill_ms / 1000,
      per_second(u.prompt_tokens - u.cached_tokens, t.prefill_ms), t.vision_ms / 1000,
      t.time_to_first_token_ms / 1000, u.completion_tokens, t.decode_ms / 1000,
      per_second(u.completion_tokens, t.decode_ms), u.reasoning_tokens, reply.finish_reason);
}

}  // namespace glmv::app
