#include "glmv/parsers/timeline.h"

#include <algorithm>
#include <optional>

#include "glmv/base/utf8.h"
#include "glmv/parsers/answer.h"
#include "glmv/parsers/answer_json.h"
#include "glmv/parsers/white_space.h"
#include "glmv/parsers/written_time.h"

namespace glmv::parsers {
namespace {

constexpr size_t kMaxTextBytes = 500;
constexpr size_t kLookBack = 200;
constexpr double kTolerance_s = 0.5;  // models round to seconds

constexpr std::string_view kBeginKeys[] = {"start",      "begin",      "from",    "start_time",
                                           "begin_time", "start_s",    "begin_s", "time",
                                           "timestamp",  "time_range", "range"};
constexpr std::string_view kEndKeys[] = {"end", "to", "stop", "end_time", "end_s"};
constexpr std::string_view kTextKeys[] = {"event", "description", "label",   "caption", "text",
                                          "title", "name",        "content", "action"};
// Between the two ends of a range. Words need blanks around them, the last two are Chinese.
constexpr std::string_view kSeparators[] = {"-->",
                                            "->",
                                            "\xE2\x86\x92",
                                            "-",
                                            "\xE2\x80\x93",
                                            "\xE2\x80\x94",
                                            "~",
                                            "\xEF\xBD\x9E",
                                            "\xE3\x80\x9C",
                                            "\xE8\x87\xB3",
                                            "\xE5\x88\xB0"};
constexpr std::string_view kWordSeparators[] = {"to", "until", "till", "through"};
// In front of a moment with a unit that is no length.
constexpr std::string_view kMomentWords[] = {
    "at",   "@",  "around",       "about",        "after",
    "from", "by", "\xE5\x9C\xA8", "\xE7\xAC\xAC", "\xE4\xBB\x8E"};
// Taken off the ends of an event's text.
constexpr std::string_view kEdges[] = {":",
                                       "-",
                                       "*",
                                       "|",
                                       ",",
                                       ";",
                                       "]",
                                       ")",
                                       "[",
                                       "(",
                                       "`",
                                       "\"",
                                       "#",
                                       ">",
                                       "=",
                                       "\xE2\x80\x93",
                                       "\xE2\x80\x94",
                                       "\xEF\xBC\x9A",
                                       "\xEF\xBC\x8C",
                                       "\xEF\xBC\x89",
                                       "\xEF\xBC\x88",
                                       "\xE3\x80\x91",
                                       "\xE3\x80\x90",
                                       "\xE2\x80\xA2"};
// And off the end of a text that stands in front of its time.
constexpr std::string_view kTrailingWords[] = {
    "from", "at", "between", "during", "is", "occurs", "happens", "\xE4\xBB\x8E", "\xE5\x9C\xA8"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Valid UTF-8 on one line, of limited length.
std::string one_line(std::string_view text) {
  std::string folded = fold_white_space(strip_box_markers(text.substr(0, 2 * kMaxTextBytes)));
  size_t size = std::min(folded.size(), kMaxTextBytes);
  while (size < folded.size() && size > 0 && (folded[size] & 0xC0) == 0x80) --size;
  folded.resize(size);
  return repair_utf8(folded);
}

class LineReader {
 public:
  LineReader(std::string_view text, double duration_s) : text_(text), duration_s_(duration_s) {}

  std::vector<TimedEvent> read() {
    for (size_t pos = 0; pos < text_.size();) {
      if (!is_digit(text_[pos])) {
        ++pos;
        continue;
      }
      if (!read_event(pos)) skip_number(pos);
    }
    for (size_t i = 0; i < events_.size(); ++i) events_[i].text = text_of(i);
    return std::move(events_);
  }

 private:
  // Digits and what belongs to their number, so that no part of it is read by itself.
  void skip_number(size_t& pos) const {
    while (pos < text_.size() &&
           (is_digit(text_[pos]) || ((text_[pos] == '.' || text_[pos] == ':') &&
                                     pos + 1 < text_.size() && is_digit(text_[pos + 1]))))
      ++pos;
  }

  bool read_event(size_t& pos) {
    if (pos > 0 && (is_letter(text_[pos - 1]) || text_[pos - 1] == '_')) return false;
    size_t end = pos;
    std::optional<WrittenTime> first = parse_time(text_, end);
    if (!first) return false;
    TimedEvent event{.begin_s = first->seconds, .begin = pos, .end = end};
    size_t behind = end;
    const std::optional<WrittenTime> second = separator(behind) ? parse_end(behind) : std::nullopt;
    if (second && (first->has_unit || first->is_clock ? second->has_unit || second->is_clock
                                                      : second->has_unit && !second->is_clock)) {
      if (!first->has_unit && !first->is_clock) event.begin_s *= second->scale;
      event.end_s = second->seconds;
      event.is_range = true;
      event.end = behind;
    } else {
      if (!first->is_clock && !(first->has_unit && is_moment(pos))) return false;
      event.end_s = event.begin_s;
    }
    finish(event);
    pos = event.end;
    events_.push_back(std::move(event));
    return true;
  }

  void finish(TimedEvent& event) const {
    if (event.begin_s > event.end_s) {
      std::swap(event.begin_s, event.end_s);
      event.reordered = true;
    }
    event.beyond = duration_s_ > 0 && event.end_s > duration_s_ + kTolerance_s;
  }

  void skip(size_t& pos, std::string_view characters) const {
    while (pos < text_.size() && characters.find(text_[pos]) != std::string_view::npos) ++pos;
  }

  // What may stand between the ends of a range. On the same line.
  bool separator(size_t& pos) const {
    skip(pos, " \t])*`\"");
    const std::string_view rest = text_.substr(pos);
    for (const std::string_view mark : kSeparators) {
      if (rest.starts_with(mark)) {
        pos += mark.size();
        return true;
      }
    }
    for (const std::string_view word : kWordSeparators) {
      if (rest.starts_with(word) && rest.size() > word.size() && rest[word.size()] == ' ') {
        pos += word.size();
        return true;
      }
    }
    return false;
  }

  std::optional<WrittenTime> parse_end(size_t& pos) const {
    skip(pos, " \t[(*`\"");
    return parse_time(text_, pos);
  }

  // Whether a number with a unit says when: at the begin of a line, or behind a word for it.
  bool is_moment(size_t pos) const {
    const size_t from = pos > kLookBack ? pos - kLookBack : 0;
    std::string_view before = text_.substr(from, pos - from);
    const size_t line = before.rfind('\n');
    const bool whole_line = line != std::string_view::npos || from == 0;
    if (line != std::string_view::npos) before = before.substr(line + 1);
    const auto is_marker = [](char c) {
      return is_digit(c) || std::string_view(" \t.)([]-*#>\"`").find(c) != std::string_view::npos;
    };
    if (whole_line && std::ranges::all_of(before, is_marker)) return true;
    before = trim_white_space(before);
    return std::ranges::any_of(kMomentWords, [&](std::string_view word) {
      if (before.size() < word.size()) return false;
      const size_t rest = before.size() - word.size();
      const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
      if (!std::ranges::equal(before.substr(rest), word, same)) return false;
      return !is_letter(word[0]) || rest == 0 || !is_letter(before[rest - 1]);
    });
  }

  std::string text_of(size_t i) const {
    const TimedEvent& event = events_[i];
    const size_t next = i + 1 < events_.size() ? events_[i + 1].begin : text_.size();
    const size_t line_end = std::min(text_.find('\n', event.end), text_.size());
    const std::string_view after =
        trim_edges(text_.substr(event.end, std::min(line_end, next) - event.end), kEdges);
    if (!after.empty()) return one_line(after);
    const std::string_view before = text_before(i);
    if (!before.empty()) return one_line(before);
    return one_line(lines_below(line_end, next));
  }

  std::string_view text_before(size_t i) const {
    const size_t begin = events_[i].begin;
    size_t from =
        std::max(i > 0 ? events_[i - 1].end : 0, begin > kLookBack ? begin - kLookBack : 0);
    const size_t line = text_.substr(from, begin - from).rfind('\n');
    if (line != std::string_view::npos) from += line + 1;
    std::string_view text = trim_edges(text_.substr(from, begin - from), kEdges);
    for (bool changed = true; changed;) {
      changed = false;
      for (const std::string_view word : kTrailingWords) {
        if (!text.ends_with(word)) continue;
        const size_t rest = text.size() - word.size();
        if (is_letter(word[0]) && rest > 0 && text[rest - 1] != ' ') continue;
        text = trim_edges(text.substr(0, rest), kEdges);
        changed = true;
      }
    }
    // A list's number is no text.
    size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    if (digits == text.size()) return {};
    if (digits > 0 && (text[digits] == '.' || text[digits] == ')')) {
      return trim_edges(text.substr(digits + 1), kEdges);
    }
    return text;
  }

  // The lines behind a line of times alone, up to an empty one or the next times.
  std::string_view lines_below(size_t line_end, size_t next) const {
    if (line_end >= next) return {};
    std::string_view below = text_.substr(line_end + 1, next - line_end - 1);
    const size_t gap = below.find("\n\n");
    if (gap != std::string_view::npos) {
      below = below.substr(0, gap);
    } else if (next < text_.size()) {
      // The last line belongs to the next times.
      const size_t last = below.rfind('\n');
      below = last == std::string_view::npos ? std::string_view() : below.substr(0, last);
    }
    return trim_edges(below, kEdges);
  }

  std::string_view text_;
  double duration_s_;
  std::vector<TimedEvent> events_;
};

// Seconds as a number, or a moment as text.
std::optional<double> json_time(const Json& value) {
  if (value.is_number()) {
    const double seconds = value.get<double>();
    return seconds >= 0 && seconds <= 1e7 ? std::optional(seconds) : std::nullopt;
  }
  return value.is_string() ? parse_whole_time(value.get<std::string>()) : std::nullopt;
}

bool is_event(const Json& object) {
  const Json* const begin = first_member(object, kBeginKeys);
  return begin != nullptr && !begin->is_object() &&
         (first_member(object, kEndKeys) != nullptr || first_member(object, kTextKeys) != nullptr);
}

std::optional<TimedEvent> json_event(const Json& object, TextRange range, double duration_s) {
  const Json& begin = *first_member(object, kBeginKeys);
  const Json* end = first_member(object, kEndKeys);
  TimedEvent event{.begin = range.begin, .end = range.end};
  std::optional<double> from, to;
  if (begin.is_array() && begin.size() == 2) {
    from = json_time(begin[0]);
    to = json_time(begin[1]);
  } else if (from = json_time(begin); !from && begin.is_string()) {
    // "00:05-00:10"
    const std::vector<TimedEvent> inner = LineReader(begin.get_ref<const std::string&>(), 0).read();
    if (inner.size() == 1) {
      from = inner[0].begin_s;
      if (inner[0].is_range) to = inner[0].end_s;
    }
  }
  if (end != nullptr) to = json_time(*end);
  if (!from) return std::nullopt;
  event.begin_s = *from;
  event.end_s = to.value_or(*from);
  event.is_range = to.has_value();
  if (event.begin_s > event.end_s) {
    std::swap(event.begin_s, event.end_s);
    event.reordered = true;
  }
  event.beyond = duration_s > 0 && event.end_s > duration_s + kTolerance_s;
  const Json* text = first_member(object, kTextKeys);
  if (text != nullptr && text->is_string()) event.text = one_line(text->get<std::string>());
  return event;
}

}  // namespace

std::vector<TimedEvent> parse_timeline(std::string_view answer, double duration_s) {
  std::vector<TimedEvent> events;
  const TextRange whole{0, answer.size()};
  for (const FoundJson& found : find_json(answer, std::span(&whole, 1), is_event)) {
    for_each_wanted(found.value, is_event, [&](const Json& object) {
      if (auto event = json_event(object, found.range, duration_s)) {
        events.push_back(std::move(*event));
      }
    });
  }
  return events.empty() ? LineReader(answer, duration_s).read() : events;
}

}  // namespace glmv::parsers
