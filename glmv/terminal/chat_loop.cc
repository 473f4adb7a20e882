#include "glmv/terminal/chat_loop.h"

#include <optional>

#include "glmv/base/texts.h"
#include "glmv/terminal/command_table.h"
#include "glmv/terminal/completion.h"
#include "glmv/terminal/line_editor.h"
#include "glmv/terminal/programs.h"

namespace glmv::terminal {
namespace {

constexpr std::string_view kQuotes = "\"\"\"";
constexpr char kContinuation[] = "... ";

std::string how_to_leave() { return tr("(Ctrl-C again, Ctrl-D or /exit to leave)"); }

std::string prompt_of(const Chat& chat) {
  if (chat.pending().empty()) return ">>> ";
  return "[+" + std::to_string(chat.pending().size()) + "] >>> ";
}

// Puts lines between """ together.
class LineJoiner {
 public:
  // A whole message; nothing: more lines belong to it. `pasted`: the line is only text.
  std::optional<std::string> add(const std::string& line, bool pasted = false) {
    if (line == kQuotes && !pasted) {
      open_ = !open_;
      if (open_) {
        text_.clear();
        return {};
      }
      if (!text_.empty()) text_.pop_back();
      return std::move(text_);
    }
    if (!open_ || text_.empty()) pasted_ = pasted;
    if (!open_) return line;
    text_ += line + "\n";
    return {};
  }
  // The message begins with something pasted.
  bool begins_pasted() const { return pasted_; }
  bool is_open() const { return open_; }
  void give_up() { open_ = false; }
  const std::string& text() const { return text_; }

 private:
  bool open_ = false, pasted_ = false;
  std::string text_;
};

// As it is to be typed: what was pasted and looks like a command stays none.
void remember(Chat& chat, LineHistory& history, std::string text, bool pasted) {
  if (pasted && text.starts_with('/')) text.insert(0, 1, '/');
  if (auto stored = history.add(text); !stored) {
    chat.note(tr_format("warning: {}", stored.error().message));
  }
}

}  // namespace

int run_interactive(Chat& chat, Tty& tty, LineHistory& history) {
  LineEditor editor(tty, history, complete_message);
  LineJoiner joiner;
  bool hinted = false;
  ReadResult initial;
  while (!tty.has_failed()) {
    const std::string prompt = joiner.is_open() ? kContinuation : prompt_of(chat);
    const ReadResult result = editor.read(prompt, kContinuation, std::exchange(initial, {}));
    switch (result.end) {
      case ReadEnd::kEndOfFile:
        return kOk;
      case ReadEnd::kInterrupt:
        // What was written is given up; with nothing written, the second time in a row leaves.
        if (joiner.is_open() || !result.text.empty()) {
          joiner.give_up();
          hinted = false;
          continue;
        }
        if (hinted) return kInterrupted;
        hinted = true;
        chat.note(how_to_leave());
        continue;
      case ReadEnd::kEditor: {
        tty.set_mode(InputMode::kLine);
        auto edited = edit_elsewhere(result.text);
        if (!edited) chat.fail(kUsage, edited.error());
        initial = result;
        if (edited) initial.text = std::move(*edited);
        continue;
      }
      case ReadEnd::kLine:
        break;
    }
    hinted = false;
    const std::optional<std::string> message = joiner.add(result.text, result.pasted);
    if (!message) continue;
    const bool pasted = joiner.begins_pasted();
    remember(chat, history, *message, pasted);
    if (!chat.handle(*message, pasted)) return kOk;
  }
  return kOk;
}

int run_plain(Chat& chat, std::istream& in, Screen& prompts) {
  LineJoiner joiner;
  bool hinted = false;
  std::string line;
  while (true) {
    prompts.write(joiner.is_open() ? kContinuation : prompt_of(chat));
    if (!std::getline(in, line)) {
      if (!interrupted()) return kOk;
      if (hinted) return kInterrupted;
      hinted = true;
      take_interrupt();
      in.clear();
      std::clearerr(stdin);
      prompts.write("\n");
      chat.note(how_to_leave());
      continue;
    }
    hinted = false;
    const std::optional<std::string> message = joiner.add(line);
    if (message && !chat.handle(*message)) return kOk;
  }
}

int run_script(Chat& chat, std::istream& script) {
  LineJoiner joiner;
  std::string line;
  while (std::getline(script, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const std::optional<std::string> message = joiner.add(line);
    if (!message) continue;
    if (!chat.handle(*message)) return kOk;
    if (chat.last_code() != kOk) return chat.last_code();
  }
  if (!joiner.is_open()) return kOk;
  // The end of the file ends the message, too.
  chat.handle(joiner.text());
  return chat.last_code();
}

}  // namespace glmv::terminal
