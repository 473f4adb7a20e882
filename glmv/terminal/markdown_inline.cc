#include "glmv/terminal/markdown_inline.h"

#include <algorithm>
#include <cstdint>

#include "glmv/parsers/output_tags.h"

namespace glmv::terminal {
namespace {

constexpr size_t kFarthest = 4096;  // bytes between two marks that belong together
constexpr int kDeepest = 6;
// Bytes looked through for the ends of marks that have none: then marks are only text.
constexpr int64_t kSearched = int64_t{1} << 20;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t'; }
bool is_word(char c) {
  const auto u = static_cast<unsigned char>(c);
  return ((u | 0x20) >= 'a' && (u | 0x20) <= 'z') || (u >= '0' && u <= '9') || u >= 0x80;
}
bool is_punctuation(char c) {
  return c > ' ' && static_cast<unsigned char>(c) < 0x7F && !is_word(c);
}

class Parser {
 public:
  Parser(Spans& out, bool keep_marks) : out_(out), keep_marks_(keep_marks) {}

  void parse(std::string_view text, Style style, int depth) {
    size_t at = 0;
    while (at < text.size()) {
      const size_t used = depth < kDeepest ? mark(text, at, style, depth) : 0;
      if (used == 0) add(text.substr(at, 1), style);
      at += used == 0 ? 1 : used;
    }
  }

 private:
  void add(std::string_view text, Style style) {
    if (out_.empty() || out_.back().style != style) out_.push_back({"", style});
    out_.back().text += text;
  }

  // Bytes of the marked text at `at`, which is added; 0: there is none.
  size_t mark(std::string_view text, size_t at, Style style, int depth) {
    const std::string_view rest = text.substr(at);
    if (rest[0] == '<') return box(rest, style, depth);
    if (budget_ <= 0) return 0;
    const size_t used = other_mark(text, at, style, depth);
    // What was looked at in vain.
    if (used <= 2) budget_ -= static_cast<int64_t>(std::min(rest.size(), kFarthest));
    return used;
  }

  size_t other_mark(std::string_view text, size_t at, Style style, int depth) {
    const std::string_view rest = text.substr(at);
    switch (rest[0]) {
      case '\\':
        return escape(rest, style);
      case '`':
        return code(rest, style);
      case '$':
        return dollars(rest, style);
      case '*':
      case '_':
      case '~':
        return emphasis(text, at, style, depth);
      case '!':
      case '[':
        return link(rest, style, depth);
      default:
        budget_ += static_cast<int64_t>(std::min(rest.size(), kFarthest));
        return 0;
    }
  }

  size_t escape(std::string_view rest, Style style) {
    if (rest.size() < 2) return 0;
    if (rest[1] == '(' || rest[1] == '[') {
      const size_t close = rest.substr(0, kFarthest).find(rest[1] == '(' ? "\\)" : "\\]");
      const size_t length = close == rest.npos ? 2 : close + 2;
      add(rest.substr(0, length), style);
      return length;
    }
    if (rest[1] == ')' || rest[1] == ']' || !is_punctuation(rest[1])) return 0;
    add(rest.substr(1, 1), style);
    return 2;
  }

  size_t code(std::string_view rest, Style style) {
    const size_t ticks = std::min(rest.find_first_not_of('`'), rest.size());
    size_t close = ticks;
    while (true) {
      close = rest.substr(0, kFarthest).find(rest.substr(0, ticks), close);
      if (close == rest.npos) {
        add(rest.substr(0, ticks), style);
        return ticks;
      }
      const size_t end = std::min(rest.find_first_not_of('`', close), rest.size());
      if (end - close == ticks) break;
      close = end;
    }
    std::string_view inside = rest.substr(ticks, close - ticks);
    if (!keep_marks_ && inside.size() > 2 && inside.front() == ' ' && inside.back() == ' ') {
      inside = inside.substr(1, inside.size() - 2);
    }
    add(keep_marks_ ? rest.substr(0, close + ticks) : inside, style | kCode);
    return close + ticks;
  }

  size_t dollars(std::string_view rest, Style style) {
    const std::string_view near = rest.substr(0, kFarthest);
    if (rest.starts_with("$$")) {
      const size_t close = near.find("$$", 2);
      if (close == rest.npos) return 0;
      add(rest.substr(0, close + 2), style);
      return close + 2;
    }
    // "$5 or $6" is no formula.
    const size_t close = near.find('$', 1);
    if (close == rest.npos || close == 1 || is_space(rest[1]) || is_space(rest[close - 1]) ||
        (close + 1 < rest.size() && rest[close + 1] >= '0' && rest[close + 1] <= '9')) {
      return 0;
    }
    add(rest.substr(0, close + 1), style);
    return close + 1;
  }

  size_t emphasis(std::string_view text, size_t at, Style style, int depth) {
    const std::string_view rest = text.substr(at);
    const char c = rest[0];
    const bool twice = rest.size() > 1 && rest[1] == c;
    if (c == '~' && !twice) return 0;
    const size_t length = twice ? 2 : 1;
    const bool in_word = at > 0 && is_word(text[at - 1]);
    if (rest.size() <= length || is_space(rest[length]) || (c == '_' && in_word)) return 0;
    for (size_t close = length + 1; close < std::min(rest.size(), kFarthest); ++close) {
      if (rest[close] != c || is_space(rest[close - 1]) || rest[close - 1] == '\\') continue;
      const size_t end = std::min(rest.find_first_not_of(c, close), rest.size());
      const size_t found = end - close;
      const bool closes = found == length || found == 3;  // "*a **b***": either
      if (!closes || (c == '_' && end < rest.size() && is_word(rest[end]))) {
        close = end - 1;
        continue;
      }
      close = found == 3 ? end - length : close;
      const Style more = c == '~' ? kStrike : twice ? kBold : kItalic;
      const std::string_view mark = rest.substr(0, length);
      if (keep_marks_) add(mark, style | more);
      parse(rest.substr(length, close - length), style | more, depth + 1);
      if (keep_marks_) add(mark, style | more);
      return close + length;
    }
    add(rest.substr(0, length), style);
    return length;
  }

  size_t link(std::string_view rest, Style style, int depth) {
    const size_t open = rest[0] == '!' ? 1 : 0;
    if (rest.size() <= open || rest[open] != '[') return 0;
    const size_t middle = rest.substr(0, kFarthest).find("](", open);
    if (middle == rest.npos) return 0;
    const size_t close = rest.substr(0, kFarthest).find(')', middle);
    const std::string_view text = rest.substr(open + 1, middle - open - 1);
    if (close == rest.npos || text.find('\n') != text.npos) return 0;
    const std::string_view address = rest.substr(middle + 2, close - middle - 2);
    if (address.find_first_of(" \n") != address.npos) return 0;
    if (keep_marks_) {
      add(rest.substr(0, close + 1), style);
      return close + 1;
    }
    parse(text, style | kUnderline, depth + 1);
    if (text != address) add(" (" + std::string(address) + ")", style | kDim);
    return close + 1;
  }

  size_t box(std::string_view rest, Style style, int depth) {
    using namespace parsers;
    if (rest.starts_with(kBoxEndText)) return kBoxEndText.size();
    if (!rest.starts_with(kBoxBeginText)) return 0;
    const size_t begin = kBoxBeginText.size();
    const size_t close = rest.find(kBoxEndText);
    const std::string_view inside = rest.substr(begin, close == rest.npos ? close : close - begin);
    parse(inside, style | kBold, depth + 1);
    return close == rest.npos ? rest.size() : close + kBoxEndText.size();
  }

  Spans& out_;
  const bool keep_marks_;
  int64_t budget_ = kSearched;
};

}  // namespace

Spans parse_inline(std::string_view text, bool keep_marks) {
  Spans spans;
  Parser(spans, keep_marks).parse(text, kPlain, 0);
  return spans;
}

}  // namespace glmv::terminal
