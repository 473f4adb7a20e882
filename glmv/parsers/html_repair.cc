#include "glmv/parsers/html_repair.h"

#include <algorithm>
#include <utility>

#include "glmv/parsers/html_tags.h"
#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr size_t kMaxIndent = 64;         // of an element
constexpr size_t kMaxDoctypeSpaces = 50;  // in <!DOCTYPE html>
constexpr size_t kWindow = 4096;          // UTF-16 units, which the page counts

constexpr std::string_view kElements[] = {
    "head", "body",  "div",   "section", "article", "main",  "header", "footer", "nav",
    "form", "table", "style", "script",  "svg",     "aside", "figure", "ul",     "ol"};
constexpr size_t kLongestElement = 7;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

enum class Match { kNo, kYes, kWait };

// Whether `text` begins with `word` (in lower case), whatever its case.
Match begins(std::string_view text, std::string_view word, bool done) {
  const size_t n = std::min(text.size(), word.size());
  for (size_t i = 0; i < n; ++i) {
    if (ascii_lower(text[i]) != word[i]) return Match::kNo;
  }
  if (n == word.size()) return Match::kYes;
  return done ? Match::kNo : Match::kWait;
}

// The start of a document: <html>, or <!DOCTYPE html. `text` begins with "<".
Match begins_document(std::string_view text, bool done) {
  Match match = begins(text, "<html", done);
  if (match == Match::kYes) {
    if (text.size() == 5) return done ? Match::kNo : Match::kWait;
    return is_white_space(text[5]) || text[5] == '>' ? Match::kYes : Match::kNo;
  }
  if (match == Match::kWait) return match;
  constexpr std::string_view kDoctype = "<!doctype";
  match = begins(text, kDoctype, done);
  if (match != Match::kYes) return match;
  text.remove_prefix(kDoctype.size());
  const size_t spaces = skip_white_space(text.substr(0, kMaxDoctypeSpaces + 1));
  if (spaces > kMaxDoctypeSpaces || (spaces == 0 && !text.empty())) return Match::kNo;
  match = begins(text.substr(spaces), "html", done);
  if (match != Match::kYes) return match;
  text.remove_prefix(spaces + 4);
  if (text.empty()) return done ? Match::kYes : Match::kWait;
  const bool word = is_ascii_letter(text[0]) || is_ascii_digit(text[0]) || text[0] == '_';
  return word ? Match::kNo : Match::kYes;
}

// The start of an element that makes a part of a page. `text` begins with "<".
Match begins_element(std::string_view text, bool done, std::string& name) {
  name.clear();
  size_t i = 1;
  for (; i < text.size() && is_ascii_letter(text[i]); ++i) {
    if (i > kLongestElement) return Match::kNo;
    name += ascii_lower(text[i]);
  }
  if (i == text.size()) {
    const bool may_be_one = std::ranges::any_of(
        kElements, [&name](std::string_view element) { return element.starts_with(name); });
    return may_be_one && !done ? Match::kWait : Match::kNo;
  }
  const bool ends = is_white_space(text[i]) || text[i] == '>' || text[i] == '/';
  return ends && std::ranges::find(kElements, name) != std::end(kElements) ? Match::kYes
                                                                           : Match::kNo;
}

// Bytes of the first line (with its end), or of the first kWindow units; npos: more must come.
size_t window_length(std::string_view text, bool done) {
  size_t units = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) {
      if (units >= kWindow) return i;
      units += byte >= 0xF0 ? 2 : 1;
    }
    if (byte == '\n') return i + 1;
  }
  return done ? text.size() : std::string_view::npos;
}

// An element that is closed in its first line, with prose behind: a word of that.
bool is_word(std::string_view line, const std::string& name) {
  size_t close = 0, behind = 0;
  for (close = line.find("</"); close != line.npos; close = line.find("</", close + 1)) {
    if (begins(line.substr(close + 2), name, true) != Match::kYes) continue;
    behind = close + 2 + name.size();
    behind += skip_white_space(line.substr(behind));
    if (behind < line.size() && line[behind] == '>') break;
  }
  if (close == line.npos || line.substr(0, close).find("\\n") != line.npos) return false;
  for (size_t i = behind + 1; i < line.size(); ++i) {
    const size_t tag_end = line[i] == '<' ? line.find('>', i) : line.npos;
    if (tag_end != line.npos) {
      i = tag_end;
    } else if (line[i] != '<' && !is_white_space(line[i])) {
      return true;
    }
  }
  return false;
}

// Escapes are written out: a \n and no line break, in the part of `window` that is the element.
bool is_escaped(std::string_view window, const std::string& name) {
  ElementEnd end;
  end.begin(name);
  size_t size = 0;
  while (size < window.size() && !end.feed(window[size])) ++size;
  window = window.substr(0, size + 1);
  return window.find('\n') == window.npos && window.find("\\n") != window.npos;
}

}  // namespace

class HtmlRepair::Impl {
 public:
  std::string push(std::string_view piece) {
    std::string out;
    pending_ += piece;
    while (advance(false, out)) {
    }
    pending_.erase(0, std::exchange(pos_, 0));
    return out;
  }

  std::string finish() {
    std::string out;
    while (advance(true, out)) {
    }
    if (mode_ == Mode::kHtml) close(out);
    *this = {};
    return out;
  }

  bool in_html() const { return mode_ == Mode::kHtml || mode_ == Mode::kBetween; }

 private:
  enum class Mode {
    kLineStart,
    kLine,       // behind its beginning
    kFenceMark,  // the characters that open a fence
    kFenceInfo,  // the rest of that line
    kFence,
    kOpening,  // at the "<" of what is HTML, or else a word
    kHtml,
    kBetween,  // behind an element; another one may follow
  };
  // Of a line in a fence: what it may still become.
  enum class Line { kIndent, kTicks, kBlank, kOther };

  std::string_view view() const { return std::string_view(pending_).substr(pos_); }
  void emit(size_t count, std::string& out) {
    out += view().substr(0, count);
    pos_ += count;
    if (count > 0) line_has_text_ = true;
  }

  // False: nothing more can be decided.
  bool advance(bool done, std::string& out) {
    if (mode_ == Mode::kBetween) return between(done, out);
    if (view().empty()) return false;
    switch (mode_) {
      case Mode::kLineStart:
        return line_start(done, out);
      case Mode::kLine:
        return line(done, out);
      case Mode::kFenceMark:
        return fence_mark(out);
      case Mode::kFenceInfo:
        return fence_info(out);
      case Mode::kFence:
        return fence(out);
      case Mode::kOpening:
        return opening(done, out);
      default:
        return html(out);
    }
  }

  void begin_line() {
    mode_ = Mode::kLineStart;
    backtick_ = false;
    line_has_text_ = false;
  }

  bool line_start(bool done, std::string& out) {
    if (std::exchange(swallow_newline_, false) && view()[0] == '\n') {
      ++pos_;
      return true;
    }
    const std::string_view text = view();
    size_t indent = 0;
    while (indent < text.size() && indent <= kMaxIndent && is_blank(text[indent])) ++indent;
    if (indent == text.size() && indent <= kMaxIndent && !done) return false;
    if (indent == text.size() || indent > kMaxIndent) return plain_line(indent, out);
    const char c = text[indent];
    if ((c == '`' || c == '~') && indent <= 3 && text.substr(0, indent).find('\t') == text.npos) {
      const size_t end = std::min(text.find_first_not_of(c, indent), text.size());
      if (end - indent < 3) {
        if (end == text.size() && !done) return false;
        return plain_line(indent, out);
      }
      fence_char_ = c;
      fence_length_ = 0;
      emit(indent, out);
      mode_ = Mode::kFenceMark;
      return true;
    }
    if (c != '<') return plain_line(indent, out);
    switch (begins_element(text.substr(indent), done, name_)) {
      case Match::kWait:
        return false;
      case Match::kNo:
        return plain_line(indent, out);
      case Match::kYes:
        emit(indent, out);
        mode_ = Mode::kOpening;
    }
    return true;
  }

  bool plain_line(size_t indent, std::string& out) {
    emit(indent, out);
    mode_ = Mode::kLine;
    return true;
  }

  bool line(bool done, std::string& out) {
    const size_t at = std::min(view().find_first_of("<`\n"), view().size());
    if (at > 0) {
      emit(at, out);
      return true;
    }
    const char c = view()[0];
    if (c == '<' && !backtick_) {
      const Match match = begins_document(view(), done);
      if (match == Match::kWait) return false;
      if (match == Match::kYes) {
        name_ = "html";
        mode_ = Mode::kOpening;
        return true;
      }
    }
    if (c == '`') backtick_ = true;
    emit(1, out);
    if (c == '\n') begin_line();
    return true;
  }

  bool fence_mark(std::string& out) {
    const size_t count = std::min(view().find_first_not_of(fence_char_), view().size());
    fence_length_ += count;
    emit(count, out);
    if (!view().empty()) mode_ = Mode::kFenceInfo;
    return true;
  }

  // Behind backticks there is none more: else it is code in a line of text.
  bool fence_info(std::string& out) {
    const size_t at =
        std::min(view().find_first_of(fence_char_ == '`' ? "`\n" : "\n"), view().size());
    emit(at, out);
    if (view().empty()) return true;
    if (view()[0] == '`') {
      mode_ = Mode::kLine;
      return true;
    }
    emit(1, out);
    mode_ = Mode::kFence;
    line_ = Line::kIndent;
    indent_ = ticks_ = 0;
    return true;
  }

  bool fence(std::string& out) {
    const char c = view()[0];
    emit(1, out);
    if (c == '\n') {
      const bool closes =
          (line_ == Line::kTicks || line_ == Line::kBlank) && ticks_ >= fence_length_;
      if (closes) begin_line();
      line_ = Line::kIndent;
      indent_ = ticks_ = 0;
    } else {
      follow_line(c, fence_char_);
    }
    return true;
  }

  // Up to three spaces, `tick`s and white space.
  void follow_line(char c, char tick) {
    if (c == tick && (line_ == Line::kIndent || line_ == Line::kTicks)) {
      line_ = Line::kTicks;
      ++ticks_;
    } else if (line_ == Line::kIndent && c == ' ' && indent_ < 3) {
      ++indent_;
    } else if ((line_ == Line::kTicks || line_ == Line::kBlank) && (is_blank(c) || c == '\r')) {
      line_ = Line::kBlank;
    } else {
      line_ = Line::kOther;
    }
  }

  bool opening(bool done, std::string& out) {
    const size_t length = window_length(view(), done);
    if (length == view().npos) return false;
    std::string_view window = view().substr(0, length);
    if (name_ != "html" && is_word(window, name_)) {
      emit(1, out);
      mode_ = Mode::kLine;
      return true;
    }
    escaped_ = is_escaped(window, name_);
    out += line_has_text_ ? "\n```html\n" : "```html\n";
    mode_ = Mode::kHtml;
    end_.begin(name_);
    line_ = Line::kOther;
    return true;
  }

  bool html(std::string& out) {
    const char c = view()[0];
    ++pos_;
    put(c, out);
    if (!end_.feed(c)) return true;
    if (name_ == "html") {
      close_and_go_on(out);
    } else {
      mode_ = Mode::kBetween;
    }
    return true;
  }

  bool between(bool done, std::string& out) {
    const std::string_view text = view();
    if (!text.empty() && is_white_space(text[0])) {
      between_ += text[0];
      ++pos_;
      return true;
    }
    if (escaped_ && !text.empty()) {
      const Match written = begins(text, "\\n", done);
      if (written == Match::kWait) return false;
      if (written == Match::kYes) {
        between_ += "\\n";
        pos_ += 2;
        return true;
      }
    }
    Match match = done ? Match::kNo : Match::kWait;
    if (!text.empty()) {
      match = text[0] == '<' ? begins_element(text, done, name_) : Match::kNo;
    }
    if (match == Match::kWait) return false;
    const std::string space = std::exchange(between_, {});
    if (match == Match::kYes) {
      for (const char c : space) put(c, out);
      mode_ = Mode::kHtml;
      end_.begin(name_);
    } else {
      pending_.insert(pos_, space);
      close_and_go_on(out);
    }
    return true;
  }

  void put(char c, std::string& out) {
    if (!escaped_) return put_plain(c, out);
    if (std::exchange(backslash_, false)) {
      if (c == 'n') return put_plain('\n', out);
      if (c == '"' || c == '\'') return put_plain(c, out);
      put_plain('\\', out);
    }
    if (c == '\\') {
      backslash_ = true;
    } else {
      put_plain(c, out);
    }
  }

  // White space is held, for none stands in front of the end; a line that would close the fence is
  // moved to where it does not.
  void put_plain(char c, std::string& out) {
    if (c == '\n') {
      settle_line(out);
      tail_ += c;
      line_begin_ = tail_.size();
      line_ = Line::kIndent;
      indent_ = ticks_ = 0;
      return;
    }
    follow_line(c, '`');
    tail_ += c;
    if (is_white_space(c) || line_ == Line::kTicks) return;
    out += std::exchange(tail_, {});
  }

  void settle_line(std::string& out) {
    if (line_ != Line::kTicks && line_ != Line::kBlank) return;
    if (ticks_ >= 3) tail_.insert(line_begin_, "    ");
    const size_t end = tail_.rfind('`') + 1;
    out += tail_.substr(0, end);
    tail_.erase(0, end);
    line_ = Line::kOther;
  }

  void close(std::string& out) {
    if (std::exchange(backslash_, false)) put_plain('\\', out);
    settle_line(out);
    tail_.clear();
    out += "\n```";
  }

  void close_and_go_on(std::string& out) {
    close(out);
    out += '\n';
    swallow_newline_ = true;
    begin_line();
  }

  Mode mode_ = Mode::kLineStart;
  std::string pending_;  // not decided, from pos_ on
  size_t pos_ = 0;
  bool line_has_text_ = false;
  bool backtick_ = false;         // in this line
  bool swallow_newline_ = false;  // it belongs to the fence that was closed
  char fence_char_ = 0;
  size_t fence_length_ = 0;
  Line line_ = Line::kOther;
  size_t indent_ = 0, ticks_ = 0;
  // Of the HTML that is open.
  std::string name_;
  ElementEnd end_;
  bool escaped_ = false;
  bool backslash_ = false;  // held: an escape may begin
  std::string tail_;
  size_t line_begin_ = 0;  // of the last line of tail_
  std::string between_;
};

HtmlRepair::HtmlRepair() : impl_(std::make_unique<Impl>()) {}
HtmlRepair::~HtmlRepair() = default;
HtmlRepair::HtmlRepair(HtmlRepair&&) noexcept = default;
HtmlRepair& HtmlRepair::operator=(HtmlRepair&&) noexcept = default;

std::string HtmlRepair::push(std::string_view piece) { return impl_->push(piece); }
std::string HtmlRepair::finish() { return impl_->finish(); }
bool HtmlRepair::in_html() const { return impl_->in_html(); }

std::string repair_html(std::string_view text) {
  HtmlRepair repair;
  std::string out = repair.push(text);
  return out + repair.finish();
}

}  // namespace glmv::parsers
