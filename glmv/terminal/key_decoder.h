#pragma once
// Bytes from a terminal in raw mode -> keys. What comes out does not depend on how the bytes were
// cut; arbitrary bytes are fine.

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace glmv::terminal {

enum class Key {
  kText,   // characters, as many as came together
  kPaste,  // bracketed paste, as a whole; newlines as \n, no other control character but tabs
  kEnter,
  kNewline,  // Alt-Enter, Shift-Enter where the terminal tells it
  kTab,
  kBackspace,
  kDelete,
  kLeft,
  kRight,
  kUp,
  kDown,
  kHome,
  kEnd,
  kWordLeft,
  kWordRight,
  kDeleteWordBefore,
  kDeleteWordAfter,
  kDeleteToBegin,
  kDeleteToEnd,
  kYank,
  kTranspose,
  kClearScreen,
  kSearch,
  kEditor,     // Ctrl-G
  kInterrupt,  // Ctrl-C
  kEndOfFile,  // Ctrl-D
  kSuspend,    // Ctrl-Z
  kEscape,
  kReport,  // the terminal's answer to a query, with its introducer
};

struct KeyEvent {
  Key key = Key::kText;
  std::string text;  // of kText, kPaste, kReport
  bool operator==(const KeyEvent&) const = default;
};

class KeyDecoder {
 public:
  void feed(std::string_view bytes);
  std::optional<KeyEvent> next();
  // The start of a sequence has come: the rest follows at once or never.
  bool is_in_sequence() const { return !pending_.empty() && !in_paste_; }
  bool is_in_paste() const { return in_paste_; }
  // Nothing follows: what is there is taken as keys of their own; a paste ends.
  void flush();

 private:
  size_t take(std::string_view bytes);
  size_t take_escape(std::string_view bytes);
  size_t take_csi(std::string_view bytes);
  size_t take_paste(std::string_view bytes);
  void add(Key key, std::string text = {});
  void add_text(std::string_view text);

  std::deque<KeyEvent> events_;
  std::string pending_;  // the start of a sequence or character
  std::string paste_;
  bool in_paste_ = false;
};

}  // namespace glmv::terminal
