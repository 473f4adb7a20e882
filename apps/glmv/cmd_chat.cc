// glmv chat: a conversation in the terminal, a script of messages, or one question.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/chat_setup.h"
#include "apps/glmv/command.h"
#include "apps/glmv/upstream_flags.h"
#include "glmv/base/files.h"
#include "glmv/base/texts.h"
#include "glmv/terminal/chat_loop.h"

namespace glmv::app {
namespace {

using terminal::MediaKind;

struct ChatCommandFlags {
  ModelFlags model;
  ChatFlags chat;
  VideoFlags video;
  DocumentFlags documents;
  std::string first_word;  // MODEL, or the first of the prompt
  std::vector<std::string> words;
  std::vector<std::string> prompt;
  std::vector<std::string> images, texts;
  std::string show_thought = "auto", format = "text", save_boxes, session, script;
  bool raw = false, no_markdown = false, no_colour = false, stats = false, quiet = false;
  bool go_on = false, no_history = false, no_auto_attach = false, embed_media = false;
};

// What a run is.
enum class Kind { kInteractive, kScript, kOneQuestion };

struct Plan {
  Kind kind = Kind::kInteractive;
  std::string prompt;
  bool auto_attach = true;
};

// "MODEL [-- PROMPT...]": the first word is the model if it can be one. A single word like a path
// is meant as one, too: that it is none is said when it is loaded.
void sort_words(ChatCommandFlags& flags, bool dashes) {
  std::vector<std::string>& words = flags.words;
  if (!flags.first_word.empty()) words.insert(words.begin(), flags.first_word);
  if (!words.empty() && flags.model.model.empty()) {
    const std::string& word = words[0];
    const bool like_a_path = !dashes && words.size() == 1 && word.find('/') != word.npos &&
                             word.find(' ') == word.npos && !terminal::kind_of_file(word);
    if (like_a_path || can_be_a_model(word)) {
      flags.model.model = word;
      words.erase(words.begin());
    }
  }
  flags.prompt.insert(flags.prompt.end(), words.begin(), words.end());
}

Result<Plan> make_plan(const ChatCommandFlags& flags) {
  Plan plan{.auto_attach = !flags.no_auto_attach};
  for (const std::string& word : flags.prompt) {
    plan.prompt += (plan.prompt.empty() ? "" : " ") + word;
  }
  if (!flags.script.empty()) {
    if (!plan.prompt.empty())
      return invalid_argument("{}", tr("--script and a prompt: give one of them"));
    plan.kind = Kind::kScript;
    return plan;
  }
  const bool piped = ::isatty(STDIN_FILENO) == 0;
  if (plan.prompt == "-" || (plan.prompt.empty() && piped)) {
    plan.prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
    // Paths in a text that comes from elsewhere are only words.
    plan.auto_attach = false;
  }
  if (plan.prompt.empty() && !piped) {
    if (flags.format != "text") {
      return invalid_argument(
          "{}", tr_format("--format {} is for one question or a script", flags.format));
    }
    return plan;
  }
  plan.kind = Kind::kOneQuestion;
  const bool has_media = !flags.images.empty() || !flags.video.videos.empty() ||
                         !flags.documents.documents.empty() || !flags.texts.empty();
  if (plan.prompt.find_first_not_of(" \t\n") == std::string::npos && !has_media) {
    return invalid_argument("{}", tr("nothing to ask: glmv chat -i PICTURE -p \"QUESTION\""));
  }
  return plan;
}

terminal::Display display_of(const ChatCommandFlags& flags, bool interactive) {
  using terminal::ShowThought;
  terminal::Display display;
  const std::string& mode = flags.show_thought;
  display.thought = mode == "full"   ? ShowThought::kFull
                    : mode == "hide" ? ShowThought::kHide
                    : mode == "fold" ? ShowThought::kFold
                    : interactive    ? ShowThought::kFold
                                     : ShowThought::kHide;
  display.markdown = !flags.no_markdown;
  display.colour = !flags.no_colour && terminal::wants_styles(STDOUT_FILENO);
  display.stats = flags.stats;
  display.raw = flags.raw;
  return display;
}

int fail(int code, const Status& status) {
  fmt::print(stderr, "{}\n", tr_format("error: {}", status.message));
  return code;
}

// The conversation that goes on by itself: --session, else the last one.
Result<std::filesystem::path> session_path(const ChatCommandFlags& flags) {
  if (!flags.session.empty()) return std::filesystem::path(flags.session);
  GLMV_ASSIGN(const std::filesystem::path folder, terminal::state_folder());
  GLMV_RETURN_IF_ERROR(terminal::make_private_folder(folder));
  return folder / "last-session.json";
}

struct NamedFile {
  MediaKind kind;
  std::string path;
};

std::vector<NamedFile> named_files(const ChatCommandFlags& flags) {
  std::vector<NamedFile> files;
  for (const std::string& path : flags.images) files.push_back({MediaKind::kImage, path});
  for (const std::string& path : flags.video.videos) files.push_back({MediaKind::kVideo, path});
  for (const std::string& path : flags.documents.documents) {
    files.push_back({terminal::kind_of_file(path).value_or(MediaKind::kText), path});
  }
  for (const std::string& path : flags.texts) files.push_back({MediaKind::kText, path});
  return files;
}

// One question or a script; the exit code.
int run_unattended(terminal::Chat& chat, const Plan& plan, const std::string& script) {
  if (plan.kind == Kind::kOneQuestion) {
    chat.say(plan.prompt);
    return chat.last_code();
  }
  if (script == "-") return terminal::run_script(chat, std::cin);
  std::ifstream lines(script);
  if (!lines)
    return fail(terminal::kUsage, Status{Code::kNotFound, tr_format("cannot read {}", script)});
  return terminal::run_script(chat, lines);
}

int run_attended(terminal::Chat& chat, terminal::Tty* tty, const ChatCommandFlags& flags) {
  chat.note(tr_format("{} is ready. /help lists commands.", chat.options().model.name));
  terminal::FileScreen prompts(STDERR_FILENO);
  if (tty == nullptr) return terminal::run_plain(chat, std::cin, prompts);
  terminal::LineHistory history;
  if (!flags.no_history) {
    auto folder = terminal::state_folder();
    const Result<void> opened =
        folder ? history.open(*folder / "history") : std::unexpected(folder.error());
    if (!opened)
      chat.note(tr_format("warning: messages are not remembered: {}", opened.error().message));
  }
  return terminal::run_interactive(chat, *tty, history);
}

int run_chat(ChatCommandFlags& flags, bool dashes) {
  sort_words(flags, dashes);
  auto request = chat_request(flags.chat);
  if (!request) return fail(terminal::kUsage, request.error());
  const auto plan = make_plan(flags);
  if (!plan) return fail(terminal::kUsage, plan.error());
  const bool attended = plan->kind == Kind::kInteractive;

  const bool watched = attended && ::isatty(STDERR_FILENO) == 1 && !flags.quiet;
  if (watched) fmt::print(stderr, "{}", tr("loading ..."));
  const auto fail = [watched](int code, const Status& status) {
    if (watched) fmt::print(stderr, "\r\033[K");
    return app::fail(code, status);
  };
  // Media before the model: a wrong path should not cost the loading.
  terminal::MediaReader reader = chat_media_reader(flags.video, flags.documents);
  std::vector<terminal::Attachment> media;
  for (const NamedFile& file : named_files(flags)) {
    auto item = reader.attach(file.kind, file.path);
    if (!item) return fail(terminal::kMediaFailed, item.error());
    media.push_back(std::move(*item));
  }
  auto model = open_chat_model(flags.model, reader.pictures);
  if (!model) return fail(terminal::kModelFailed, model.error());
  if (watched) fmt::print(stderr, "\r\033[K");

  terminal::catch_signals();
  const bool drawn = ::isatty(STDOUT_FILENO) == 1;
  // With the answers going elsewhere, the terminal of stderr is the one to type at.
  const std::unique_ptr<terminal::Tty> tty =
      attended ? terminal::Tty::open(STDIN_FILENO, drawn ? STDOUT_FILENO : STDERR_FILENO) : nullptr;
  const bool view = drawn && (!attended || tty != nullptr);
  terminal::FileScreen out(STDOUT_FILENO), errors(STDERR_FILENO);
  terminal::ChatOptions options{
      .model = model->facts,
      .request = std::move(*request),
      .reader = std::move(reader),
      .display = display_of(flags, attended),
      .format = flags.format == "json"    ? terminal::OutputFormat::kJson
                : flags.format == "jsonl" ? terminal::OutputFormat::kJsonl
                                          : terminal::OutputFormat::kText,
      .auto_attach = plan->auto_attach,
      .quiet = flags.quiet || plan->kind == Kind::kOneQuestion,
      .count_tokens = model->count_tokens,
      .embed_media = flags.embed_media,
      .save_boxes = flags.save_boxes,
  };
  terminal::Chat chat(
      *model->backend, std::move(options),
      {.out = out,
       .notes = attended && tty != nullptr ? static_cast<terminal::Screen&>(*tty) : errors,
       .tty = tty.get(),
       .drawn = view});
  const bool keeps = !flags.session.empty() || (attended && !flags.no_history) || flags.go_on;
  if (keeps) {
    const auto path = session_path(flags);
    std::error_code ignored;
    const bool there =
        path && std::filesystem::exists(terminal::expand_home(path->string()), ignored);
    if (there && (flags.go_on || !flags.session.empty())) {
      chat.load(path->string());
      if (chat.last_code() != terminal::kOk) return chat.last_code();
    } else if (flags.go_on) {
      return app::fail(terminal::kUsage,
                       {Code::kNotFound, tr("there is no conversation to continue")});
    }
    if (path) chat.keep_session(path->string());
  }
  for (terminal::Attachment& item : media) chat.add_pending(std::move(item));
  return attended ? run_attended(chat, tty.get(), flags)
                  : run_unattended(chat, *plan, flags.script);
}

}  // namespace

void add_chat(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<ChatCommandFlags>();
  add_model_flags(command, flags->model);
  add_server_flags(command, flags->model);
  add_chat_flags(command, flags->chat);
  // Two of them: CLI11 hands "--" to the caller once every positional has what it needs.
  command.add_option("MODEL", flags->first_word,
                     "checkpoint folder, GGUF file or server; as --model. May be left out");
  command.add_option("PROMPT", flags->words,
                     "behind --: with it, or with a pipe as input, one answer");
  const std::string input = "Input";
  command.add_option("-p,--prompt", flags->prompt, "the one question to answer; - : from stdin")
      ->allow_extra_args(false)
      ->group(input);
  command.add_option("-i,--image", flags->images, "picture for the first message, repeatable")
      ->group(input)
      ->allow_extra_args(false);
  command.add_option("--read", flags->texts, "text file for the first message, repeatable")
      ->group(input)
      ->allow_extra_args(false);
  command
      .add_flag("--no-auto-attach", flags->no_auto_attach,
                "paths of media in a message are only text")
      ->group(input);
  add_video_flags(command, flags->video);
  add_document_flags(command, flags->documents);
  const std::string output = "Output";
  command.add_option("--show-think", flags->show_thought, "fold, full or hide")
      ->check(CLI::IsMember({"auto", "fold", "full", "hide"}))
      ->group(output);
  command.add_option("--format", flags->format, "of one answer or a script's: text, json or jsonl")
      ->check(CLI::IsMember({"text", "json", "jsonl"}))
      ->capture_default_str()
      ->group(output);
  command.add_flag("--raw", flags->raw, "the output with all its tags")->group(output);
  command.add_flag("--no-markdown", flags->no_markdown, "answers as they are written")
      ->group(output);
  command.add_flag("--no-color", flags->no_colour, "no styles (also NO_COLOR=1)")->group(output);
  command.add_flag("--stats", flags->stats, "figures after every reply")->group(output);
  command
      .add_option("--save-boxes", flags->save_boxes,
                  "PNG: the picture with the boxes of each answer that has any")
      ->group(output);
  command.add_flag("-q,--quiet", flags->quiet, "nothing but answers and errors")->group(output);
  const std::string session = "Session";
  command.add_option("--session", flags->session, "file that the conversation is kept in")
      ->group(session);
  command.add_flag("--continue", flags->go_on, "go on with the last conversation")->group(session);
  command.add_flag("--embed-media", flags->embed_media, "media go into session files themselves")
      ->group(session);
  command.add_flag("--no-history", flags->no_history, "remember neither messages nor conversation")
      ->group(session);
  command.add_option("--script", flags->script, "file with a message or command a line; - : stdin")
      ->group(session);
  add_upstream_spellings(command, flags->model, flags->chat, flags->images, flags->video.videos);
  command.callback([flags, &exit_code, &command] {
    const std::vector<std::string> rest = command.remaining();
    const bool dashes = std::ranges::find(rest, "--") != rest.end();
    exit_code = run_chat(*flags, dashes);
  });
}

}  // namespace glmv::app
