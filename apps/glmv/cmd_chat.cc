// glmv chat: a conversation in the terminal, with pictures at any turn.

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <sstream>

#include "apps/glmv/box_drawing.h"
#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/reply_printer.h"
#include "glmv/chat/chat_session.h"
#include "glmv/chat/local_backend.h"
#include "glmv/media/source.h"

namespace glmv::app {
namespace {

struct ChatCommandFlags {
  ModelFlags model;
  ChatFlags chat;
  std::vector<std::string> images;
  std::string show_thought = "fold";
  bool stats = false;
};

constexpr char kHelp[] =
    "/image PATH...   attach pictures to the next message\n"
    "/boxes [FILE]    draw the boxes of the last reply on its picture (default boxes.png)\n"
    "/show think      print the thought of the last reply\n"
    "/think on|off|auto\n"
    "/undo            forget the last question and answer\n"
    "/clear           forget the conversation\n"
    "/stats           figures of the last reply\n"
    "/exit            end (also Ctrl-D)\n"
    "A message that must start with / is written //. Ctrl-C stops a reply and keeps it.\n";

class Conversation {
 public:
  Conversation(api::ChatBackend& backend, api::ChatRequest base, const ChatCommandFlags& flags)
      : flags_(flags), session_(backend, std::move(base)), pending_(flags.images) {}

  // False: the conversation is over.
  bool handle(const std::string& line) {
    if (line.empty() && pending_.empty()) return true;
    if (line.starts_with("//")) {
      say(line.substr(1));
    } else if (line.starts_with("/")) {
      return command(line);
    } else if (line == "exit" || line == "quit") {
      return false;
    } else {
      say(line);
    }
    return true;
  }

 private:
  bool command(const std::string& line) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (name == "/exit" || name == "/quit" || name == "/bye") return false;
    if (name == "/help") {
      fmt::print("{}", kHelp);
    } else if (name == "/image") {
      attach(words);
    } else if (name == "/clear") {
      session_.clear();
      pending_.clear();
      shown_.clear();
    } else if (name == "/undo") {
      if (!session_.undo()) fmt::print(stderr, "nothing to undo\n");
    } else if (name == "/think") {
      std::string mode;
      words >> mode;
      set_thinking(mode);
    } else if (name == "/show") {
      fmt::print("{}\n", last_.reasoning.empty() ? "(no thought)" : last_.reasoning);
    } else if (name == "/stats") {
      fmt::print("{}\n", stats_line(last_));
    } else if (name == "/boxes") {
      std::string path = "boxes.png";
      words >> path;
      draw(path);
    } else {
      fmt::print(stderr, "unknown command {}; /help lists them\n", name);
    }
    return true;
  }

  void attach(std::istringstream& words) {
    std::string path;
    while (words >> path) {
      if (const auto image = media::load_image(path); image) {
        pending_.push_back(path);
        fmt::print(stderr, "attached {} ({} x {})\n", path, image->image.width,
                   image->image.height);
      } else {
        fmt::print(stderr, "error: {}\n", image.error().message);
      }
    }
  }

  void set_thinking(const std::string& mode) {
    if (mode == "on") {
      session_.settings().thinking = api::Thinking::kOn;
    } else if (mode == "off") {
      session_.settings().thinking = api::Thinking::kOff;
    } else if (mode == "auto") {
      session_.settings().thinking = api::Thinking::kAuto;
    } else {
      fmt::print(stderr, "/think takes on, off or auto\n");
    }
  }

  void draw(const std::string& path) {
    if (last_.boxes.empty()) {
      fmt::print(stderr, "the last reply has no boxes\n");
      return;
    }
    const auto saved = save_boxes(last_, shown_, path);
    fmt::print(stderr, "{}\n", saved ? "drawn to " + path : "error: " + saved.error().message);
  }

  void say(const std::string& text) {
    text::Message message = text::Message::user("");
    message.content.clear();
    for (const std::string& path : pending_) {
      message.content.push_back({.kind = text::PartKind::kImage, .source = path});
    }
    message.content_is_string = pending_.empty();
    if (!text.empty()) message.content.push_back({.kind = text::PartKind::kText, .text = text});

    ReplyPrinter printer({.thought = flags_.show_thought == "full"   ? ShowThought::kFull
                                     : flags_.show_thought == "hide" ? ShowThought::kHide
                                                                     : ShowThought::kFold,
                          .colour = wants_colour(STDOUT_FILENO),
                          .progress = wants_colour(STDERR_FILENO),
                          .stats = flags_.stats});
    clear_interrupt();
    auto reply = session_.send(std::move(message), [&](const api::ChatChunk& chunk) {
      printer.on_chunk(chunk);
      return !interrupted();
    });
    const bool stopped = interrupted();
    clear_interrupt();
    if (!reply) {
      fmt::print(stderr, "error: {}\n", reply.error().message);
      return;
    }
    printer.finish(*reply);
    shown_.insert(shown_.end(), pending_.begin(), pending_.end());
    pending_.clear();
    last_ = std::move(*reply);
    if (stopped) fmt::print(stderr, "(stopped; the reply so far is kept)\n");
  }

  const ChatCommandFlags& flags_;
  chat::ChatSession session_;
  std::vector<std::string> pending_;  // pictures of the next message
  std::vector<std::string> shown_;    // pictures of the conversation, in order
  api::ChatReply last_;
};

Result<int> run_chat(const ChatCommandFlags& flags) {
  GLMV_ASSIGN(api::ChatRequest base, chat_request(flags.chat));
  GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags.model));
  GLMV_ASSIGN(const auto backend, chat::LocalBackend::load(engine));
  Conversation conversation(*backend, std::move(base), flags);
  catch_interrupts();
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (terminal)
    fmt::print(stderr, "{} is ready. /help lists commands.\n", engine.model_dir.string());
  std::string line;
  bool hinted = false;
  while (true) {
    if (terminal) fmt::print(stderr, ">>> ");
    if (!std::getline(std::cin, line)) {
      if (!interrupted()) return 0;
      // Ctrl-C at an empty prompt: hint once, then leave.
      if (hinted) return kExitInterrupted;
      hinted = true;
      clear_interrupt();
      std::cin.clear();
      std::clearerr(stdin);
      fmt::print(stderr, "\n(Ctrl-C again, Ctrl-D or /exit to leave)\n");
      continue;
    }
    hinted = false;
    if (!conversation.handle(line)) return 0;
  }
}

}  // namespace

void add_chat(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<ChatCommandFlags>();
  add_model_flags(command, flags->model);
  add_chat_flags(command, flags->chat);
  command.add_option("-i,--image", flags->images, "picture for the first message, repeatable")
      ->group("Input")
      ->allow_extra_args(false);
  command.add_option("--show-think", flags->show_thought, "fold, full or hide")
      ->check(CLI::IsMember({"fold", "full", "hide"}))
      ->group("Output");
  command.add_flag("--stats", flags->stats, "figures after every reply")->group("Output");
  command.callback([flags, &exit_code] { exit_code = report(run_chat(*flags)); });
}

}  // namespace glmv::app
