#pragma once
// Reads messages from a terminal: editing over several lines, history, completion, bracketed paste.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/terminal/edit_buffer.h"
#include "glmv/terminal/edit_view.h"
#include "glmv/terminal/key_decoder.h"
#include "glmv/terminal/line_history.h"
#include "glmv/terminal/tty.h"

namespace glmv::terminal {

struct Candidate {
  std::string text;   // that takes the place of what was written
  std::string shown;  // in a list
  bool more = false;  // it goes on (a folder): no blank behind it
};
struct Completion {
  size_t begin = 0;  // of what would be replaced, up to the cursor
  std::vector<Candidate> candidates;
};
using Completer = std::function<Completion(std::string_view text, size_t cursor)>;

enum class ReadEnd {
  kLine,
  kEndOfFile,
  kInterrupt,  // Ctrl-C; `text`: what is given up
  kEditor,     // Ctrl-G: `text` is to be edited elsewhere
};
struct ReadResult {
  ReadEnd end = ReadEnd::kLine;
  std::string text;
  bool pasted = false;  // its first character: no command, whatever it looks like
};

class LineEditor {
 public:
  // All outlive the editor.
  LineEditor(Tty& tty, const LineHistory& history, Completer complete);

  // `initial`: what is there already, as an earlier read() gave it. The terminal is in editing mode
  // meanwhile, then in reply mode.
  ReadResult read(const std::string& prompt, const std::string& continuation,
                  ReadResult initial = {});

 private:
  std::optional<ReadEnd> on_key(const KeyEvent& event);
  void follow_paste(const KeyEvent& event, size_t cursor_before, size_t size_before);
  void on_history(bool back);
  void on_tab();
  void list(const std::vector<Candidate>& candidates);
  void on_search_key(const KeyEvent& event);
  void search(size_t from);
  std::optional<KeyEvent> next_key(bool& at_end);
  EditLayout layout() const;

  Tty& tty_;
  const LineHistory& history_;
  const Completer complete_;
  KeyDecoder decoder_;
  EditView view_;
  EditBuffer buffer_;
  std::string prompt_, continuation_;
  size_t place_ = 0;       // in the history; its size: the new message
  std::string draft_;      // of the new message
  size_t num_pasted_ = 0;  // bytes at the beginning of the message
  bool tabbed_ = false;
  bool searching_ = false;
  std::string query_;
  size_t match_ = 0;
};

}  // namespace glmv::terminal
