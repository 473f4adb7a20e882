#include "glmv/api/chat_json.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/answer.h"
#include "glmv/terminal/answer_text.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/reply_sink.h"

namespace glmv::terminal {
namespace {

class TextSink final : public ReplySink {
 public:
  TextSink(Screen& out, const PlainOptions& options)
      : out_(out), options_(options), answer_(options.repair_html && !options.raw) {}

  void on_chunk(const api::ChatChunk& chunk) override {
    if (options_.raw) return;
    if (!chunk.reasoning.empty() && options_.thought == ShowThought::kFull) {
      thought_ = true;
      write(chunk.reasoning);
    }
    if (!chunk.content.empty()) {
      streamed_ = true;
      show(answer_.push(chunk.content));
    }
  }

  void finish(const api::ChatReply& reply, const ReplyStats&) override {
    if (options_.raw) {
      write(reply.raw_text);
    } else {
      if (!streamed_) show(answer_.push(reply.content));
      show(answer_.finish());
    }
    if (!ends_line_) out_.write("\n");
  }

  void fail(const Status&) override {
    show(answer_.finish());
    if (!ends_line_ && wrote_) out_.write("\n");
  }

 private:
  void show(const std::string& marked) {
    if (marked.empty()) return;
    if (std::exchange(thought_, false)) write(ends_line_ ? "\n" : "\n\n");
    write(parsers::strip_box_markers(marked));
  }

  void write(std::string_view text) {
    if (text.empty()) return;
    out_.write(options_.terminal ? printable(text) : text);
    ends_line_ = text.back() == '\n';
    wrote_ = true;
  }

  Screen& out_;
  const PlainOptions options_;
  AnswerText answer_;
  bool streamed_ = false, thought_ = false, ends_line_ = false, wrote_ = false;
};

class JsonSink final : public ReplySink {
 public:
  JsonSink(Screen& out, const PlainOptions& options)
      : out_(out), options_(options), answer_(options.repair_html && !options.raw) {}

  void on_chunk(const api::ChatChunk& chunk) override {
    if (options_.format != OutputFormat::kJsonl) return;
    if (!chunk.reasoning.empty() && options_.thought != ShowThought::kHide) {
      piece("think", chunk.reasoning);
    }
    if (chunk.content.empty()) return;
    streamed_ = true;
    piece("text", parsers::strip_box_markers(answer_.push(chunk.content)));
  }

  void finish(const api::ChatReply& reply, const ReplyStats& stats) override {
    Json json = Json::object();
    if (options_.format == OutputFormat::kJsonl) {
      if (!streamed_) piece("text", parsers::strip_box_markers(answer_.push(reply.content)));
      piece("text", parsers::strip_box_markers(answer_.finish()));
      json["type"] = "done";
    }
    json.update(reply_json(reply, stats));
    if (options_.raw) json["raw"] = repair_utf8(reply.raw_text);
    line(json);
  }

  void fail(const Status& status) override {
    if (options_.format == OutputFormat::kJsonl) {
      piece("text", parsers::strip_box_markers(answer_.finish()));
      line({{"type", "error"}, {"error", repair_utf8(status.message)}});
    } else {
      line({{"error", repair_utf8(status.message)}});
    }
  }

 private:
  void piece(const char* type, const std::string& text) {
    if (!text.empty()) line({{"type", type}, {"text", repair_utf8(text)}});
  }
  void line(const Json& json) { out_.write(json.dump() + "\n"); }

  Screen& out_;
  const PlainOptions options_;
  AnswerText answer_;
  bool streamed_ = false;
};

}  // namespace

Json reply_json(const api::ChatReply& reply, const ReplyStats& stats) {
  const Json all = api::to_json(reply);
  Json json;
  json["answer"] = repair_utf8(parsers::strip_box_markers(reply.content));
  for (const char* key : {"reasoning", "boxed", "boxes", "points", "finish_reason"}) {
    if (all.contains(key)) json[key] = all[key];
  }
  json["interrupted"] = reply.finish_reason == "cancelled";
  json["stats"] = to_json(stats);
  return json;
}

std::unique_ptr<ReplySink> make_plain_sink(Screen& out, const PlainOptions& options) {
  if (options.format == OutputFormat::kText) return std::make_unique<TextSink>(out, options);
  return std::make_unique<JsonSink>(out, options);
}

}  // namespace glmv::terminal
