#include "glmv/terminal/command_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "glmv/base/texts.h"
#include "glmv/terminal/path_finder.h"

namespace glmv::terminal {
namespace {

using Words = std::vector<std::string>;

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\n");
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\n") + 1 - begin));
}

bool misuse(Chat& chat, std::string_view name) {
  const CommandRow* row = find_command(name);
  chat.fail(kUsage, tr_format("write {} {}", row->name, tr(row->form)));
  return true;
}

bool attach_all(Chat& chat, std::string_view name, MediaKind kind, std::string_view arguments) {
  const Words paths = split_words(arguments);
  if (paths.empty()) return misuse(chat, name);
  for (const std::string& path : paths) chat.attach(kind, path);
  return true;
}

// PATH [option]
bool attach_one(Chat& chat, std::string_view name, MediaKind kind, std::string_view arguments) {
  const Words words = split_words(arguments);
  if (words.empty() || words.size() > 2) return misuse(chat, name);
  chat.attach(kind, words[0], words.size() > 1 ? words[1] : "");
  return true;
}

bool think(Chat& chat, std::string_view arguments) {
  const Words words = split_words(arguments);
  if (words.size() == 2 && words[0] == "budget") {
    chat.set("think-budget", words[1]);
  } else if (words.size() == 1) {
    chat.set("think", words[0]);
  } else {
    return misuse(chat, "/think");
  }
  return true;
}

bool set(Chat& chat, std::string_view arguments) {
  const std::string text = trimmed(arguments);
  if (text.empty()) {
    chat.show_settings();
    return true;
  }
  const size_t blank = text.find(' ');
  if (blank == text.npos) return misuse(chat, "/set");
  chat.set(text.substr(0, blank), trimmed(std::string_view(text).substr(blank)));
  return true;
}

bool system(Chat& chat, std::string_view arguments) {
  const std::string text = trimmed(arguments);
  if (text.empty()) {
    chat.show_system();
  } else {
    chat.set_system(text == "\"\"" ? "" : text);
  }
  return true;
}

// A command with one path, which may be left out where `fallback` is not null.
bool with_path(Chat& chat, std::string_view name, std::string_view arguments,
               void (Chat::*run)(const std::string&)) {
  const Words words = split_words(arguments);
  if (words.size() != 1) return misuse(chat, name);
  (chat.*run)(words[0]);
  return true;
}

template <void (Chat::*kRun)()>
bool plain(Chat& chat, std::string_view) {
  (chat.*kRun)();
  return true;
}

bool leave(Chat&, std::string_view) { return false; }

using C = Chat;
using A = std::string_view;

constexpr CommandRow kRows[] = {
    {"/help", "[COMMAND]", "this list, or one command", ArgumentKind::kWord,
     [](C& chat, A a) {
       chat.note(help_text(trimmed(a)));
       return true;
     }},
    {"/image", "PATH...", "pictures for the next message", ArgumentKind::kPath,
     [](C& chat, A a) { return attach_all(chat, "/image", MediaKind::kImage, a); }},
    {"/video", "PATH [BEGIN-END]", "a video, or a part of it: 0:30-1:00", ArgumentKind::kPath,
     [](C& chat, A a) { return attach_one(chat, "/video", MediaKind::kVideo, a); }},
    {"/pdf", "PATH [PAGES]", "a PDF, or pages of it: 1-5,9", ArgumentKind::kPath,
     [](C& chat, A a) { return attach_one(chat, "/pdf", MediaKind::kPdf, a); }},
    {"/ppt", "PATH [PAGES]", "slides: ppt, pptx, odp", ArgumentKind::kPath,
     [](C& chat, A a) { return attach_one(chat, "/ppt", MediaKind::kSlides, a); }},
    {"/read", "PATH...", "text files, put in front of the next message", ArgumentKind::kPath,
     [](C& chat, A a) { return attach_all(chat, "/read", MediaKind::kText, a); }},
    {"/paste", "", "the picture in the clipboard", ArgumentKind::kNone,
     plain<&Chat::attach_clipboard>},
    {"/media", "", "all media, their size and what they cost", ArgumentKind::kNone,
     plain<&Chat::list_media>},
    {"/drop", "N|all", "take back a medium, or all that wait", ArgumentKind::kWord,
     [](C& chat, A a) {
       const std::string which = trimmed(a);
       if (which.empty()) return misuse(chat, "/drop");
       chat.drop(which);
       return true;
     }},
    {"/clear", "", "forget the conversation; the system prompt stays", ArgumentKind::kNone,
     plain<&Chat::clear>},
    {"/regen", "", "answer the last message again", ArgumentKind::kNone, plain<&Chat::regenerate>},
    {"/edit", "", "change the last message in $EDITOR and send it again", ArgumentKind::kNone,
     plain<&Chat::edit>},
    {"/undo", "", "forget the last message and its answer", ArgumentKind::kNone,
     plain<&Chat::undo>},
    {"/system", "[TEXT]", "show or change the system prompt; \"\" takes it away",
     ArgumentKind::kNone, system},
    {"/set", "[NAME VALUE]", "show all settings, or change one", ArgumentKind::kWord, set},
    {"/think", "on|off|auto|budget N", "whether, and how long, it thinks first",
     ArgumentKind::kWord, think},
    {"/show", "think", "the thought of the last reply", ArgumentKind::kWord,
     [](C& chat, A a) {
       if (trimmed(a) != "think") return misuse(chat, "/show");
       chat.show_thought();
       return true;
     }},
    {"/boxes", "[FILE]", "draw the boxes of the last reply, into a PNG", ArgumentKind::kPath,
     [](C& chat, A a) {
       const Words words = split_words(a);
       if (words.size() > 1) return misuse(chat, "/boxes");
       chat.draw_boxes(words.empty() ? "" : words[0]);
       return true;
     }},
    {"/save", "FILE", "the conversation, to go on later", ArgumentKind::kPath,
     [](C& chat, A a) { return with_path(chat, "/save", a, &Chat::save); }},
    {"/load", "FILE", "a saved conversation in place of this one", ArgumentKind::kPath,
     [](C& chat, A a) { return with_path(chat, "/load", a, &Chat::load); }},
    {"/export", "FILE.md", "the conversation as Markdown", ArgumentKind::kPath,
     [](C& chat, A a) { return with_path(chat, "/export", a, &Chat::export_to); }},
    {"/stats", "", "figures of the last reply", ArgumentKind::kNone, plain<&Chat::show_stats>},
    {"/tokens", "", "tokens of the conversation so far", ArgumentKind::kNone,
     plain<&Chat::show_tokens>},
    {"/model", "", "what answers", ArgumentKind::kNone, plain<&Chat::show_model>},
    {"/exit", "", "end (also /quit, /bye, Ctrl-D)", ArgumentKind::kNone, leave},
    {"/quit", "", "", ArgumentKind::kNone, leave},
    {"/bye", "", "", ArgumentKind::kNone, leave},
};

// One paragraph: the screen wraps it.
constexpr std::string_view kMore =
    "\"\"\" begins and ends a message of several lines; Alt-Enter starts a new line; what is "
    "pasted is "
    "one message. Paths of pictures, videos and documents in a message are attached. A message "
    "that must start with / is written //. Ctrl-C stops a reply and keeps what has come, Ctrl-G "
    "opens $EDITOR, Ctrl-R searches earlier messages, Tab completes.";

std::string help_line(const CommandRow& row) {
  const std::string usage = fmt::format("{} {}", row.name, tr(row.form));
  return fmt::format("  {:<28}{}", usage, tr(row.help));
}

}  // namespace

std::span<const CommandRow> command_rows() { return kRows; }

const CommandRow* find_command(std::string_view name) {
  const CommandRow* found = nullptr;
  int count = 0;
  for (const CommandRow& row : kRows) {
    if (row.name == name) return &row;
    if (name.size() < 2 || !row.name.starts_with(name)) continue;
    found = &row;
    ++count;
  }
  return count == 1 ? found : nullptr;
}

bool run_command(Chat& chat, std::string_view line) {
  const size_t end = std::min(line.find_first_of(" \t\n"), line.size());
  const std::string_view name = line.substr(0, end);
  const CommandRow* row = find_command(name);
  if (row == nullptr) {
    chat.fail(kUsage, tr_format("unknown command {}; /help lists them. A message that must "
                                "start with / is written //",
                                name));
    return true;
  }
  return row->run(chat, line.substr(end));
}

std::string help_text(std::string_view name) {
  if (!name.empty()) {
    const std::string wanted = name[0] == '/' ? std::string(name) : "/" + std::string(name);
    const CommandRow* row = find_command(wanted);
    if (row == nullptr) return tr_format("there is no command {}", wanted);
    std::string text = help_line(*row);
    if (row->name == "/set") {
      for (const SettingRow& setting : setting_rows()) {
        text +=
            fmt::format("\n    {:<20}{:<18}{}", setting.name, tr(setting.values), tr(setting.help));
      }
    }
    return text;
  }
  std::string text;
  for (const CommandRow& row : kRows) {
    if (!row.help.empty()) text += help_line(row) + "\n";
  }
  return text + tr(kMore);
}

}  // namespace glmv::terminal
