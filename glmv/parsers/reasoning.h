#pragma once
// Splits a reply into thought, answer and tool calls while it streams.
// Every byte fed in ends up in exactly one segment, in order, so that nothing is lost; the result
// does not depend on how the text was cut into pieces. Accepts arbitrary bytes, never throws.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/parsers/output_tags.h"
#include "glmv/parsers/reasoning_rules.h"
#include "glmv/parsers/tool_call.h"

namespace glmv::parsers {

struct ReasoningOptions {
  OutputTags tags = OutputTags::text_only();
  StartState start = StartState::kStart;
  ReasoningRules rules;
  // Drop text behind </answer> that only repeats the answer (white space folded).
  bool drop_restated = false;
  bool keep_box_markers = false;  // in the content
  // Functions that may be called; null: what looks like a call is text.
  std::shared_ptr<const ToolSchemas> tools;
};

// What may be shown now.
struct ReasoningDelta {
  std::string reasoning;
  std::string content;
  std::vector<ToolCallDelta> calls;

  bool empty() const { return reasoning.empty() && content.empty() && calls.empty(); }
};

enum class SegmentKind {
  kReasoning,
  kContent,
  kRemoved,   // a tag, a tool call, or white space and restated text that belong to a tag
  kBoxBegin,  // box marker of the answer; removed from `content`, kept in `marked_content`
  kBoxEnd,
  kInserted,  // the newline that joins the text behind </answer>; not part of the output
};

struct Segment {
  SegmentKind kind;
  std::string text;
};

struct ReasoningResult {
  std::string reasoning;            // leading and trailing newlines trimmed
  std::string content;              // without any tag
  std::string marked_content;       // content with the box markers in place (answer.h, boxes.h)
  bool ended_in_reasoning = false;  // the output stopped inside the thought
  bool restated = false;            // text behind </answer> said the answer again, kept or dropped
  std::vector<ParsedCall> calls;
};

class ReasoningParser {
 public:
  explicit ReasoningParser(ReasoningOptions options);

  // One token and the text it adds (empty while a character is incomplete; text held back from
  // earlier tokens may come in front).
  ReasoningDelta feed(int32_t token_id, std::string_view text);
  // Text without token ids: only tags recognised by text are seen.
  ReasoningDelta feed(std::string_view text);
  // The end of the output: releases what was held back. Call once, last.
  ReasoningDelta finish();

  // After finish(). `reclassify`: text in front of a </think> that was never opened counts as
  // thought (right for replies read as a whole; a stream has already shown it as answer).
  ReasoningResult result(bool reclassify = false) const;

  bool in_reasoning() const { return state_ == State::kReasoning; }
  const std::vector<ParsedCall>& calls() const { return calls_.calls(); }
  int64_t num_reasoning_tokens() const { return num_reasoning_tokens_; }
  // Without kInserted, the concatenation of the texts is the output.
  const std::vector<Segment>& segments() const { return segments_; }

 private:
  enum class State { kStart, kReasoning, kContent, kTail, kCall };
  // Progress through text behind </answer> that may repeat the answer.
  enum class Tail { kLeading, kComparing, kShown };

  void scan(ReasoningDelta& delta);
  void on_text(std::string_view text, ReasoningDelta& delta);
  void on_tag(const OutputTag& tag, ReasoningDelta& delta);
  void on_box_marker(const OutputTag& tag, ReasoningDelta& delta);
  bool is_text(const OutputTag& tag) const;
  void begin_call(const OutputTag& tag, ReasoningDelta& delta);
  void in_call(ToolCallParser::Status status, Segment segment, ReasoningDelta& delta);
  void refuse_call(ReasoningDelta& delta);
  void tail_text(std::string_view text, ReasoningDelta& delta);
  void begin_tail(ReasoningDelta& delta);
  void enter_content();
  void emit(SegmentKind kind, std::string_view text, ReasoningDelta& delta);
  // In its place in the output: it waits where something in front of it does.
  void emit_behind_held(SegmentKind kind, std::string_view text, ReasoningDelta& delta);
  void release_held(bool keep, ReasoningDelta& delta);

  ReasoningOptions options_;
  State state_;
  std::string pending_;        // possible beginning of a tag
  std::vector<Segment> held_;  // white space, tail text or the name of a call, not yet decided
  std::vector<Segment> segments_;
  bool reasoning_begun_ = false;   // a character other than a newline was seen
  bool at_content_start_ = false;  // newlines here belong to the tag before
  bool think_opened_ = false;
  bool open_seen_ = false, close_seen_ = false;  // the tags, in the output
  bool content_ends_in_newline_ = true;          // also true while there is no content
  Tail tail_ = Tail::kLeading;
  std::string answer_;        // folded text of the answer, for the comparison
  std::string answer_shown_;  // content since the answer began
  size_t matched_ = 0;        // bytes of answer_ the tail has repeated
  std::string tail_shown_;    // content behind </answer>
  bool dropped_ = false;      // what the tail repeated
  bool tail_space_ = false;   // white space seen since the last matched byte
  ToolCallParser calls_;
  State before_call_ = State::kContent;  // where a text goes that was no call
  bool after_call_ = false;              // white space here belongs to the calls around it
  size_t num_unopened_ = 0;              // segments in front of a </think> that was never opened
  int64_t num_reasoning_tokens_ = 0;
};

// A whole reply at once.
ReasoningResult parse_reasoning(std::string_view output, ReasoningOptions options = {});

}  // namespace glmv::parsers
