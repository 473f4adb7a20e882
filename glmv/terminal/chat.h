#pragma once
// A chat as a user sees it: messages, commands, pending files, saved sessions. Where it reads its
// lines from is the business of chat_loop.h.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/api/model_service.h"
#include "glmv/terminal/attachment.h"
#include "glmv/terminal/conversation.h"
#include "glmv/terminal/session_file.h"
#include "glmv/terminal/settings.h"
#include "glmv/terminal/tty.h"

namespace glmv::terminal {

// Exit codes of a chat; those of scripts and one question are these of the last thing done.
inline constexpr int kOk = 0, kGenerationFailed = 1, kUsage = 2, kMediaFailed = 3, kModelFailed = 4,
                     kInterrupted = 130;

struct ModelFacts {
  std::string name;
  std::string about;          // lines for /model
  int64_t context_limit = 0;  // tokens; 0: not known
};

struct ChatOptions {
  ModelFacts model;
  api::ChatRequest request;  // settings of every turn, with the system message
  MediaReader reader;
  Display display;
  OutputFormat format = OutputFormat::kText;
  bool auto_attach = true;  // paths in messages
  bool quiet = false;       // no notes but errors
  // Tokens of a request and of its media; empty: the backend cannot tell.
  std::function<Result<api::PromptTokens>(const api::ChatRequest&, const api::OnChunk&)>
      count_tokens;
  std::string session_file;  // stored after every change; empty: none
  bool embed_media = false;
  std::string save_boxes;  // PNG of every reply with boxes
};

// Where a chat writes. All outlive it.
struct ChatScreens {
  Screen& out;         // replies
  Screen& notes;       // what is said of them
  Tty* tty = nullptr;  // that is typed at; null: nobody types
  bool drawn = false;  // `out` is a terminal: replies are drawn on it; else plain bytes
};

// Not thread-safe. Errors are said on `notes` and remembered as last_code().
class Chat {
 public:
  Chat(api::ChatBackend& backend, ChatOptions options, ChatScreens screens);

  // A message or a command. False: the chat is over. `verbatim`: a message as it stands, which is
  // no command whatever it begins with (it was pasted).
  bool handle(const std::string& text, bool verbatim = false);
  int last_code() const { return code_; }

  // What the commands do; command_table.h lists them.
  void attach(MediaKind kind, const std::string& path, const std::string& option = {});
  void attach_clipboard();
  void list_media();
  void drop(const std::string& which);
  void clear();
  void undo();
  void regenerate();
  void edit();
  void say(std::string text);  // never a command
  void show_thought();
  void draw_boxes(std::string path);
  void save(const std::string& path);
  void load(const std::string& path);
  void export_to(const std::string& path);
  void show_stats();
  void show_tokens();
  void show_model();
  void show_system();
  void set_system(std::string text);
  void show_settings();
  void set(const std::string& name, const std::string& value);

  void note(const std::string& text);
  void fail(int code, const std::string& text);
  void fail(int code, const Status& status) {
    fail(status.code == Code::kCancelled ? kInterrupted : code, status.message);
  }

  const std::vector<Attachment>& pending() const { return pending_; }
  const Conversation& conversation() const { return conversation_; }
  const ChatOptions& options() const { return options_; }
  // From now on the conversation is stored there after every change.
  void keep_session(std::string path) { options_.session_file = std::move(path); }
  // Media that go with the first message, before any line is read.
  void add_pending(Attachment item) { pending_.push_back(std::move(item)); }

 private:
  using Ask = std::function<Result<ReplyStats>(const Conversation::OnChunk&)>;

  std::unique_ptr<ReplySink> make_sink();
  bool run(const Ask& ask);
  void ask(const Ask& ask);
  void check_output();
  bool attach_from_text(std::string& text);
  bool is_command(const std::string& text) const;
  Session session() const;
  EmbeddedMedia* embedded() { return options_.embed_media ? &embedded_ : nullptr; }
  void store_session();
  void print(Screen& screen, const std::string& text);
  Settings settings() { return {conversation_.settings(), options_.display}; }
  bool shows_waiting() const;
  Result<Attachment> look_at(MediaKind kind, const std::string& path,
                             const std::string& option = {});
  Result<api::PromptTokens> count_tokens(const Question* next);
  std::vector<int64_t> media_tokens();

  ChatOptions options_;
  ChatScreens screens_;
  Conversation conversation_;
  std::vector<Attachment> pending_;
  int code_ = kOk;
  EmbeddedMedia embedded_;
  bool session_failed_ = false, output_failed_ = false;
  std::optional<int> picture_protocol_;  // PictureProtocol, once it was asked
};

}  // namespace glmv::terminal
