#include "glmv/terminal/line_editor.h"

#include <algorithm>
#include <utility>

#include "glmv/base/texts.h"
#include "glmv/terminal/display_width.h"

namespace glmv::terminal {
namespace {

// A lone Escape is one when nothing has followed for so long; a paste without its end is over then.
constexpr std::chrono::milliseconds kSequencePause{50}, kPastePause{3000};
// A signal that comes just before the wait for a key does not end it.
constexpr std::chrono::milliseconds kLook{200};
constexpr size_t kMostListed = 200;

std::string common_start(const std::vector<Candidate>& candidates) {
  std::string common = candidates[0].text;
  for (const Candidate& c : candidates) {
    size_t same = 0;
    while (same < common.size() && same < c.text.size() && common[same] == c.text[same]) ++same;
    common.resize(same);
  }
  // Not half a character.
  while (!common.empty() && (static_cast<unsigned char>(common.back()) & 0xC0) == 0x80 &&
         common.size() < candidates[0].text.size() &&
         (static_cast<unsigned char>(candidates[0].text[common.size()]) & 0xC0) == 0x80) {
    common.pop_back();
  }
  return common;
}

}  // namespace

LineEditor::LineEditor(Tty& tty, const LineHistory& history, Completer complete)
    : tty_(tty), history_(history), complete_(std::move(complete)), view_(tty) {}

EditLayout LineEditor::layout() const {
  const ScreenSize size = tty_.size();
  const std::string prompt = searching_ ? tr_format("(search `{}') ", query_) : prompt_;
  return layout_text(buffer_.text(), buffer_.cursor(), prompt, continuation_, size.columns,
                     size.rows - 1);
}

// A key; nothing: a signal came, or the end of the input (`at_end`).
std::optional<KeyEvent> LineEditor::next_key(bool& at_end) {
  while (true) {
    if (std::optional<KeyEvent> event = decoder_.next()) return event;
    const bool in_paste = decoder_.is_in_paste();
    const bool waits = in_paste || decoder_.is_in_sequence();
    std::string bytes;
    const Tty::Read read = tty_.read(bytes, in_paste ? kPastePause
                                            : waits  ? kSequencePause
                                                     : kLook);
    if (read == Tty::Read::kEnd) {
      at_end = true;
      return {};
    }
    if (read == Tty::Read::kBytes) {
      decoder_.feed(bytes);
    } else if (waits) {
      decoder_.flush();
    } else {
      return {};
    }
  }
}

ReadResult LineEditor::read(const std::string& prompt, const std::string& continuation,
                            ReadResult initial) {
  prompt_ = prompt;
  continuation_ = continuation;
  num_pasted_ = initial.pasted ? initial.text.size() : 0;
  buffer_.set(std::move(initial.text));
  place_ = history_.entries().size();
  draft_.clear();
  searching_ = tabbed_ = false;
  tty_.set_mode(InputMode::kEditing);
  view_.draw(layout());
  std::optional<ReadEnd> end;
  // Ctrl-C between two prompts came as a signal.
  if (interrupted()) {
    take_interrupt();
    end = ReadEnd::kInterrupt;
  }
  while (!end) {
    bool at_end = false;
    const std::optional<KeyEvent> event = next_key(at_end);
    if (at_end) {
      end = ReadEnd::kEndOfFile;
    } else if (event) {
      const size_t cursor = buffer_.cursor(), size = buffer_.text().size();
      end = on_key(*event);
      follow_paste(*event, cursor, size);
    } else {
      if (take_resize()) view_.resize(layout());
      continue;
    }
    if (!end) view_.draw(layout());
  }
  if (*end == ReadEnd::kEditor) {
    view_.clear();
  } else {
    // The whole of it stays on the screen, or as much as there is room for.
    if (searching_) searching_ = false;
    view_.draw(layout());
    view_.close();
  }
  // Not as it was found: what is typed before the next prompt would be echoed.
  tty_.set_mode(InputMode::kReply);
  return {*end, buffer_.text(), num_pasted_ > 0};
}

// Of the bytes at the beginning, how many were pasted and not typed.
void LineEditor::follow_paste(const KeyEvent& event, size_t cursor_before, size_t size_before) {
  const size_t size = buffer_.text().size();
  if (size > size_before) {
    const bool pasted = event.key == Key::kPaste;
    if (pasted && cursor_before <= num_pasted_) num_pasted_ += size - size_before;
    if (!pasted) num_pasted_ = std::min(num_pasted_, cursor_before);
  } else {
    const size_t begin = std::min(cursor_before, buffer_.cursor());
    const size_t behind = num_pasted_ - std::min(begin, num_pasted_);
    num_pasted_ -= std::min(size_before - size, behind);
  }
}

std::optional<ReadEnd> LineEditor::on_key(const KeyEvent& event) {
  if (searching_) {
    on_search_key(event);
    if (searching_) return {};
    if (event.key != Key::kEnter) return {};
  }
  tabbed_ = tabbed_ && event.key == Key::kTab;
  switch (event.key) {
    case Key::kText:
    case Key::kPaste:
      buffer_.insert(event.text);
      break;
    case Key::kEnter:
      return ReadEnd::kLine;
    case Key::kNewline:
      buffer_.insert("\n");
      break;
    case Key::kTab:
      on_tab();
      break;
    case Key::kBackspace:
      buffer_.delete_before();
      break;
    case Key::kDelete:
      buffer_.delete_after();
      break;
    case Key::kLeft:
      buffer_.left();
      break;
    case Key::kRight:
      buffer_.right();
      break;
    case Key::kUp:
      if (!buffer_.line_up()) on_history(true);
      break;
    case Key::kDown:
      if (!buffer_.line_down()) on_history(false);
      break;
    case Key::kHome:
      buffer_.line_begin();
      break;
    case Key::kEnd:
      buffer_.line_end();
      break;
    case Key::kWordLeft:
      buffer_.word_left();
      break;
    case Key::kWordRight:
      buffer_.word_right();
      break;
    case Key::kDeleteWordBefore:
      buffer_.delete_word_before();
      break;
    case Key::kDeleteWordAfter:
      buffer_.delete_word_after();
      break;
    case Key::kDeleteToBegin:
      buffer_.delete_to_line_begin();
      break;
    case Key::kDeleteToEnd:
      buffer_.delete_to_line_end();
      break;
    case Key::kYank:
      buffer_.yank();
      break;
    case Key::kTranspose:
      buffer_.transpose();
      break;
    case Key::kClearScreen:
      view_.clear();
      tty_.write("\033[H\033[2J");
      break;
    case Key::kSearch:
      searching_ = true;
      query_.clear();
      draft_ = buffer_.text();
      match_ = history_.entries().size();
      break;
    case Key::kEditor:
      return ReadEnd::kEditor;
    case Key::kInterrupt:
      return ReadEnd::kInterrupt;
    case Key::kEndOfFile:
      if (buffer_.empty()) return ReadEnd::kEndOfFile;
      buffer_.delete_after();
      break;
    case Key::kSuspend:
      view_.close();
      tty_.suspend();
      tty_.set_mode(InputMode::kEditing);
      break;
    case Key::kEscape:
    case Key::kReport:
      break;
  }
  return {};
}

void LineEditor::on_history(bool back) {
  const std::vector<std::string>& entries = history_.entries();
  if (back ? place_ == 0 : place_ >= entries.size()) return;
  if (place_ == entries.size()) draft_ = buffer_.text();
  place_ += back ? size_t(-1) : 1;
  num_pasted_ = 0;
  buffer_.set(place_ == entries.size() ? draft_ : entries[place_]);
}

void LineEditor::on_tab() {
  if (!complete_) return;
  const Completion completion = complete_(buffer_.text(), buffer_.cursor());
  const std::vector<Candidate>& found = completion.candidates;
  if (found.empty()) return;
  if (found.size() == 1) {
    buffer_.replace(completion.begin, buffer_.cursor(), found[0].text + (found[0].more ? "" : " "));
    return;
  }
  const std::string common = common_start(found);
  const std::string written =
      buffer_.text().substr(completion.begin, buffer_.cursor() - completion.begin);
  if (common.size() > written.size()) {
    buffer_.replace(completion.begin, buffer_.cursor(), common);
    return;
  }
  // The second one in a row lists them.
  if (std::exchange(tabbed_, true)) list(found);
}

void LineEditor::list(const std::vector<Candidate>& candidates) {
  view_.close();
  const int columns = tty_.size().columns;
  const size_t count = std::min(candidates.size(), kMostListed);
  int widest = 0;
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    names.push_back(shortened(printable(candidates[i].shown), columns));
    widest = std::max(widest, display_width(names.back()));
  }
  const int per_line = std::max(1, (columns + 2) / (widest + 2));
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count || (i + 1) % static_cast<size_t>(per_line) == 0;
    out += names[i];
    out +=
        last ? "\n" : std::string(static_cast<size_t>(widest + 2 - display_width(names[i])), ' ');
  }
  if (count < candidates.size()) out += "...\n";
  tty_.write(out);
}

void LineEditor::search(size_t from) {
  const std::vector<std::string>& entries = history_.entries();
  for (size_t i = std::min(from, entries.size()); i-- > 0;) {
    if (entries[i].find(query_) == std::string::npos) continue;
    match_ = i;
    num_pasted_ = 0;
    buffer_.set(entries[i]);
    return;
  }
}

void LineEditor::on_search_key(const KeyEvent& event) {
  switch (event.key) {
    case Key::kText:
      query_ += event.text;
      search(match_ + 1);
      break;
    case Key::kBackspace:
      if (!query_.empty()) query_.erase(cluster_before(query_, query_.size()));
      match_ = history_.entries().size();
      search(match_);
      break;
    case Key::kSearch:
      search(match_);
      break;
    case Key::kInterrupt:
    case Key::kEditor:
    case Key::kEscape:
      buffer_.set(draft_);
      searching_ = false;
      break;
    default:
      searching_ = false;
  }
}

}  // namespace glmv::terminal
