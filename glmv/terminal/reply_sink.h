#pragma once
// Where a reply goes while it comes in: onto the screen, or into a pipe in one of three formats.

#include <memory>
#include <string>

#include "glmv/api/chat_types.h"
#include "glmv/terminal/reply_stats.h"
#include "glmv/terminal/screen.h"

namespace glmv::terminal {

enum class ShowThought { kFold, kFull, kHide };
enum class OutputFormat { kText, kJson, kJsonl };

class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // Also with empty chunks, as time passes.
  virtual void on_chunk(const api::ChatChunk& chunk) = 0;
  // The whole reply; then, or after fail(), the sink is done with.
  virtual void finish(const api::ChatReply& reply, const ReplyStats& stats) = 0;
  virtual void fail(const Status& status) = 0;
  // The screen has another size.
  virtual void on_resize() {}
};

struct PlainOptions {
  OutputFormat format = OutputFormat::kText;
  ShowThought thought = ShowThought::kHide;
  bool raw = false;       // the whole output with its tags, in one piece
  bool terminal = false;  // control characters are made visible
  bool repair_html = true;
};

// Bytes for a pipe or a file: no escape sequence, no live line.
// kText: the answer while it comes, behind the thought with kFull. kJson: one object at the end:
// answer, reasoning, boxed, boxes, points, finish_reason, stats; "interrupted": true with
// kCancelled; {"error"} for failures. kJsonl: {"type":"think"|"text","text"} for each piece, then
// {"type":"done", ...} with the keys of kJson, or {"type":"error"}.
std::unique_ptr<ReplySink> make_plain_sink(Screen& out, const PlainOptions& options);

// The object of kJson.
Json reply_json(const api::ChatReply& reply, const ReplyStats& stats);

}  // namespace glmv::terminal
