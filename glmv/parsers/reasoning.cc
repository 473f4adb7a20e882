#include "glmv/parsers/reasoning.h"

#include <utility>

#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

const ToolSchemas kNoTools;

// <tool_call> and what stands inside a call.
bool is_call_tag(const OutputTag& tag) {
  return tag.kind >= TagKind::kToolCall && tag.kind <= TagKind::kArgValueClose;
}

bool is_box(SegmentKind kind) {
  return kind == SegmentKind::kBoxBegin || kind == SegmentKind::kBoxEnd;
}
std::string_view box_text(SegmentKind kind) {
  return kind == SegmentKind::kBoxBegin ? kBoxBeginText : kBoxEndText;
}

// First byte that is no line break.
size_t skip_newlines(std::string_view text) {
  const size_t at = text.find_first_not_of("\r\n");
  return at == std::string_view::npos ? text.size() : at;
}

}  // namespace

ReasoningParser::ReasoningParser(ReasoningOptions options)
    : options_(std::move(options)), calls_(options_.tools ? *options_.tools : kNoTools) {
  StartState start = options_.start;
  if (start == StartState::kReasoning && !options_.rules.heeds_prompt) start = StartState::kStart;
  const bool forced = start == StartState::kStart && options_.rules.forced;
  if (forced) start = StartState::kReasoning;
  switch (start) {
    case StartState::kStart:
      state_ = State::kStart;
      break;
    case StartState::kReasoning:
      state_ = State::kReasoning;
      think_opened_ = !forced;
      break;
    case StartState::kContent:
      state_ = State::kContent;
      think_opened_ = true;
      at_content_start_ = true;
      break;
  }
}

ReasoningDelta ReasoningParser::feed(int32_t token_id, std::string_view text) {
  ReasoningDelta delta;
  const bool was_reasoning = in_reasoning();
  const OutputTag* tag = options_.tags.find_id(token_id);
  if (!tag) {
    pending_ += text;
    scan(delta);
    if (was_reasoning && in_reasoning()) ++num_reasoning_tokens_;
    return delta;
  }
  // Bytes of an unfinished character may have been released in front of the tag's own text.
  if (text.ends_with(tag->text)) text.remove_suffix(tag->text.size());
  pending_ += text;
  scan(delta);
  on_text(std::exchange(pending_, {}), delta);
  on_tag(*tag, delta);
  return delta;
}

ReasoningDelta ReasoningParser::feed(std::string_view text) {
  ReasoningDelta delta;
  pending_ += text;
  scan(delta);
  return delta;
}

ReasoningDelta ReasoningParser::finish() {
  ReasoningDelta delta;
  on_text(std::exchange(pending_, {}), delta);
  if (state_ == State::kCall) in_call(calls_.finish(delta.calls), {}, delta);
  if (state_ == State::kStart) {
    release_held(true, delta);
  } else if (state_ == State::kTail && tail_ == Tail::kComparing) {
    const bool restated = matched_ == answer_.size();
    if (!restated) begin_tail(delta);
    dropped_ = restated && !held_.empty();
    release_held(!restated, delta);
  } else {
    release_held(false, delta);
  }
  return delta;
}

// Splits pending_ into text and tags; keeps a possible beginning of a tag.
void ReasoningParser::scan(ReasoningDelta& delta) {
  size_t text_begin = 0;
  size_t pos = 0;
  const std::string_view all = pending_;
  while (pos < all.size()) {
    pos = all.find('<', pos);  // every tag recognised by text starts so
    if (pos == std::string_view::npos) {
      pos = all.size();
      break;
    }
    const std::string_view rest = all.substr(pos);
    if (const OutputTag* tag = options_.tags.find_text(rest)) {
      on_text(all.substr(text_begin, pos - text_begin), delta);
      on_tag(*tag, delta);
      pos += tag->text.size();
      text_begin = pos;
    } else if (options_.tags.is_partial(rest)) {
      break;
    } else {
      ++pos;
    }
  }
  on_text(all.substr(text_begin, pos - text_begin), delta);
  pending_.erase(0, pos);
}

void ReasoningParser::on_text(std::string_view text, ReasoningDelta& delta) {
  if (text.empty()) return;
  switch (state_) {
    case State::kStart: {
      const size_t blank = skip_white_space(text);
      if (blank > 0) held_.push_back({SegmentKind::kContent, std::string(text.substr(0, blank))});
      if (blank == text.size()) return;
      state_ = State::kContent;
      release_held(true, delta);
      emit(SegmentKind::kContent, text.substr(blank), delta);
      return;
    }
    case State::kReasoning: {
      const size_t skipped = reasoning_begun_ || !options_.rules.trims ? 0 : skip_newlines(text);
      emit(SegmentKind::kRemoved, text.substr(0, skipped), delta);
      if (skipped == text.size()) return;
      text.remove_prefix(skipped);
      if (!reasoning_begun_ && !options_.rules.trims && !think_opened_) {
        // Goes with a <think> that may follow.
        const size_t blank = skip_white_space(text);
        if (blank > 0)
          held_.push_back({SegmentKind::kReasoning, std::string(text.substr(0, blank))});
        text.remove_prefix(blank);
        if (text.empty()) return;
      }
      reasoning_begun_ = true;
      // Line breaks at the end of a thought are none of it: they wait for what comes behind them.
      const size_t last = options_.rules.trims ? text.find_last_not_of("\r\n") : text.size() - 1;
      const size_t shown = last == std::string_view::npos ? 0 : last + 1;
      if (shown > 0) {
        release_held(true, delta);
        emit(SegmentKind::kReasoning, text.substr(0, shown), delta);
      }
      if (shown < text.size()) {
        held_.push_back({SegmentKind::kReasoning, std::string(text.substr(shown))});
      }
      return;
    }
    case State::kContent: {
      if (at_content_start_ && (options_.rules.trims || after_call_)) {
        if (held_.empty() && !after_call_) {
          const size_t skipped = skip_newlines(text);
          emit(SegmentKind::kRemoved, text.substr(0, skipped), delta);
          text.remove_prefix(skipped);
        }
        // Other white space is held: an <answer> behind it takes it away.
        const size_t blank = skip_white_space(text);
        if (blank > 0) held_.push_back({SegmentKind::kContent, std::string(text.substr(0, blank))});
        text.remove_prefix(blank);
        if (text.empty()) return;
        at_content_start_ = false;
        after_call_ = false;
        release_held(true, delta);
      }
      emit(SegmentKind::kContent, text, delta);
      return;
    }
    case State::kTail:
      tail_text(text, delta);
      return;
    case State::kCall:
      in_call(calls_.on_text(text, delta.calls), {SegmentKind::kContent, std::string(text)}, delta);
      return;
  }
}

void ReasoningParser::on_tag(const OutputTag& tag, ReasoningDelta& delta) {
  if (is_call_tag(tag) && state_ != State::kCall) {
    const bool begins = options_.rules.calls_end_thoughts || state_ != State::kReasoning;
    if (options_.tools && tag.kind == TagKind::kToolCall && begins) return begin_call(tag, delta);
    if (tag.kind == TagKind::kToolCall && state_ == State::kReasoning && begins) {
      release_held(false, delta);
      enter_content();
    }
    return on_text(tag.text, delta);
  }
  if (state_ == State::kCall) {
    const bool shown = is_call_tag(tag);
    const ToolCallParser::Status status = calls_.on_tag(tag, delta.calls);
    if (status == ToolCallParser::Status::kRestarted) {
      release_held(false, delta);
      return begin_call(tag, delta);
    }
    return in_call(status, {shown ? SegmentKind::kContent : SegmentKind::kRemoved, tag.text},
                   delta);
  }
  if ((tag.kind == TagKind::kBoxBegin || tag.kind == TagKind::kBoxEnd) &&
      state_ != State::kReasoning) {
    on_box_marker(tag, delta);
    return;
  }
  if (is_text(tag)) return on_text(tag.text, delta);
  if (tag.kind == TagKind::kThinkOpen) open_seen_ = true;
  if (tag.kind == TagKind::kThinkClose) close_seen_ = true;
  const bool ends_held = tag.kind != TagKind::kRole && tag.kind != TagKind::kWrapper;
  if (!ends_held || state_ == State::kTail) {
    return emit_behind_held(SegmentKind::kRemoved, tag.text, delta);
  }
  const bool leaves = tag.kind == TagKind::kThinkClose || tag.kind == TagKind::kAnswerOpen;
  const bool waits = state_ == State::kReasoning && options_.rules.trims && !leaves;
  if (!waits) release_held(false, delta);
  const size_t num_before = segments_.size();
  emit_behind_held(SegmentKind::kRemoved, tag.text, delta);
  switch (tag.kind) {
    case TagKind::kThinkOpen:
      if (state_ == State::kStart) state_ = State::kReasoning;
      if (state_ == State::kReasoning) think_opened_ = true;
      break;
    case TagKind::kThinkClose:
      if (state_ == State::kReasoning) {
        think_opened_ = true;
        enter_content();
      } else if (!think_opened_) {
        think_opened_ = true;  // only the first one can close an unwritten <think>
        num_unopened_ = num_before;
        enter_content();
      }
      break;
    case TagKind::kAnswerOpen:
      if (state_ == State::kStart || state_ == State::kReasoning) enter_content();
      think_opened_ = true;
      answer_shown_.clear();
      break;
    case TagKind::kAnswerClose:
      if (state_ == State::kContent) {
        state_ = State::kTail;
        answer_ = fold_white_space(answer_shown_);
      }
      break;
    default:
      break;
  }
}

// Of a tag that the rules do not know, or not here.
bool ReasoningParser::is_text(const OutputTag& tag) const {
  switch (tag.kind) {
    case TagKind::kAnswerOpen:
    case TagKind::kAnswerClose:
      return !options_.rules.answer_tags;
    case TagKind::kThinkOpen:
      return options_.rules.stray_tags_are_text &&
             (state_ == State::kContent ||
              (state_ == State::kReasoning && (reasoning_begun_ || think_opened_)));
    case TagKind::kThinkClose:
      return options_.rules.stray_tags_are_text && state_ != State::kReasoning;
    default:
      return false;
  }
}

void ReasoningParser::on_box_marker(const OutputTag& tag, ReasoningDelta& delta) {
  const bool begins = tag.kind == TagKind::kBoxBegin;
  const SegmentKind kind = begins ? SegmentKind::kBoxBegin : SegmentKind::kBoxEnd;
  if (state_ != State::kTail) {
    release_held(true, delta);
    state_ = State::kContent;
    at_content_start_ = false;
  } else if (tail_ == Tail::kLeading && !begins) {
    emit(SegmentKind::kRemoved, tag.text, delta);
    return;
  } else if (tail_ == Tail::kLeading && !options_.drop_restated) {
    begin_tail(delta);
  } else if (tail_ != Tail::kShown) {
    tail_ = Tail::kComparing;
    held_.push_back({kind, tag.text});
    return;
  }
  emit(kind, tag.text, delta);
}

void ReasoningParser::begin_call(const OutputTag& tag, ReasoningDelta& delta) {
  // Line breaks of a thought go on waiting: the call may turn out to be text.
  if (state_ != State::kReasoning) release_held(false, delta);
  if (state_ != State::kCall) before_call_ = state_ == State::kTail ? State::kContent : state_;
  state_ = State::kCall;
  // A thought may mention calls; an answer is the place for them.
  calls_.begin(before_call_ == State::kReasoning);
  held_.push_back({SegmentKind::kContent, tag.text});
}

// `segment` was handed to the call. Until it has a name it may turn out to be text.
void ReasoningParser::in_call(ToolCallParser::Status status, Segment segment,
                              ReasoningDelta& delta) {
  if (!segment.text.empty()) held_.push_back(std::move(segment));
  if (status == ToolCallParser::Status::kRefused) return refuse_call(delta);
  if (!calls_.named()) return;
  release_held(false, delta);
  before_call_ = State::kContent;  // the thought, if there was one, has ended
  if (status != ToolCallParser::Status::kClosed) return;
  enter_content();
  think_opened_ = true;
  after_call_ = true;
}

void ReasoningParser::refuse_call(ReasoningDelta& delta) {
  state_ = before_call_;
  for (const Segment& segment : std::exchange(held_, {})) {
    if (segment.kind == SegmentKind::kContent) {
      on_text(segment.text, delta);
    } else {
      emit_behind_held(segment.kind, segment.text, delta);
    }
  }
}

// Text behind </answer>: its leading white space goes, a newline joins it, a restated answer is
// held back until it differs.
void ReasoningParser::tail_text(std::string_view text, ReasoningDelta& delta) {
  if (tail_ == Tail::kLeading) {
    const size_t blank = skip_white_space(text);
    emit(SegmentKind::kRemoved, text.substr(0, blank), delta);
    text.remove_prefix(blank);
    if (text.empty()) return;
    if (options_.drop_restated) {
      tail_ = Tail::kComparing;
    } else {
      begin_tail(delta);
    }
  }
  if (tail_ == Tail::kComparing) {
    bool differs = false;
    for (const char c : text) {
      if (is_white_space(c)) {
        tail_space_ = true;
        continue;
      }
      if (std::exchange(tail_space_, false) && matched_ > 0) {
        if (matched_ >= answer_.size() || answer_[matched_] != ' ') differs = true;
        ++matched_;
      }
      if (differs || matched_ >= answer_.size() || answer_[matched_] != c) {
        differs = true;
        break;
      }
      ++matched_;
    }
    if (!differs) {
      held_.push_back({SegmentKind::kContent, std::string(text)});
      return;
    }
    begin_tail(delta);
    release_held(true, delta);
  }
  emit(SegmentKind::kContent, text, delta);
}

void ReasoningParser::begin_tail(ReasoningDelta& delta) {
  tail_ = Tail::kShown;
  if (!content_ends_in_newline_) emit(SegmentKind::kInserted, "\n", delta);
}

void ReasoningParser::enter_content() {
  state_ = State::kContent;
  at_content_start_ = true;
}

void ReasoningParser::release_held(bool keep, ReasoningDelta& delta) {
  for (const Segment& segment : std::exchange(held_, {})) {
    emit(keep ? segment.kind : SegmentKind::kRemoved, segment.text, delta);
  }
}

void ReasoningParser::emit_behind_held(SegmentKind kind, std::string_view text,
                                       ReasoningDelta& delta) {
  if (held_.empty()) return emit(kind, text, delta);
  held_.push_back({kind, std::string(text)});
}

void ReasoningParser::emit(SegmentKind kind, std::string_view text, ReasoningDelta& delta) {
  if (text.empty()) return;
  if (kind == SegmentKind::kReasoning) delta.reasoning += text;
  if (kind == SegmentKind::kContent || kind == SegmentKind::kInserted) {
    delta.content += text;
    content_ends_in_newline_ = text.back() == '\n';
    if (state_ == State::kContent) answer_shown_ += text;
    if (state_ == State::kTail) tail_shown_ += text;
  }
  if (options_.keep_box_markers && is_box(kind)) {
    delta.content += box_text(kind);
    content_ends_in_newline_ = false;
  }
  const bool mergeable = kind == SegmentKind::kReasoning || kind == SegmentKind::kContent;
  if (mergeable && segments_.size() > num_unopened_ && segments_.back().kind == kind) {
    segments_.back().text += text;
  } else {
    segments_.push_back({kind, std::string(text)});
  }
}

ReasoningResult ReasoningParser::result(bool reclassify) const {
  ReasoningResult result;
  result.ended_in_reasoning = state_ == State::kReasoning;
  const bool said_again = !trim_white_space(tail_shown_).empty() && !answer_.empty() &&
                          fold_white_space(tail_shown_) == answer_;
  result.restated = dropped_ || said_again;
  result.calls = calls();
  for (size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    const bool as_reasoning = reclassify && i < num_unopened_;
    switch (segment.kind) {
      case SegmentKind::kReasoning:
        result.reasoning += segment.text;
        break;
      case SegmentKind::kContent:
      case SegmentKind::kInserted:
        (as_reasoning ? result.reasoning : result.content) += segment.text;
        if (!as_reasoning) result.marked_content += segment.text;
        break;
      case SegmentKind::kBoxBegin:
      case SegmentKind::kBoxEnd:
        if (as_reasoning) break;
        result.marked_content += box_text(segment.kind);
        if (options_.keep_box_markers) result.content += box_text(segment.kind);
        break;
      case SegmentKind::kRemoved:
        break;
    }
  }
  if (reclassify && options_.rules.needs_both_tags && !(open_seen_ && close_seen_)) {
    result.reasoning.clear();
    result.content.clear();
    for (const Segment& segment : segments_) {
      if (segment.kind != SegmentKind::kInserted) result.content += segment.text;
    }
    result.marked_content = result.content;
    return result;
  }
  if (!options_.rules.trims) return result;
  const size_t begin = skip_newlines(result.reasoning);
  const size_t end = result.reasoning.find_last_not_of("\r\n");
  result.reasoning =
      end == std::string::npos ? std::string() : result.reasoning.substr(begin, end + 1 - begin);
  return result;
}

ReasoningResult parse_reasoning(std::string_view output, ReasoningOptions options) {
  ReasoningParser parser(std::move(options));
  parser.feed(output);
  parser.finish();
  return parser.result(true);
}

}  // namespace glmv::parsers
