#include "glmv/terminal/chat.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "glmv/base/files.h"
#include "glmv/base/texts.h"
#include "glmv/media/source.h"
#include "glmv/terminal/command_table.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/path_finder.h"
#include "glmv/terminal/programs.h"
#include "glmv/terminal/reply_view.h"
#include "glmv/terminal/styled_text.h"

namespace glmv::terminal {
namespace {

bool is_file(const std::string& path) {
  struct stat info{};
  return ::stat(expand_home(path).c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") + 1 - begin);
}

}  // namespace

Chat::Chat(api::ChatBackend& backend, ChatOptions options, ChatScreens screens)
    : options_(std::move(options)), screens_(screens), conversation_(backend, options_.request) {
  conversation_.settings().keep_box_markers = true;
}

void Chat::print(Screen& screen, const std::string& text) {
  std::string out = printable(text);
  if (screens_.drawn) {
    std::string wrapped;
    for (const std::string& line : wrap(out, screen.size().columns)) wrapped += line + "\n";
    return screen.write(wrapped);
  }
  screen.write(out.ends_with('\n') ? out : out + "\n");
}

void Chat::note(const std::string& text) {
  if (!options_.quiet) print(screens_.notes, text);
}

void Chat::fail(int code, const std::string& text) {
  code_ = code;
  print(screens_.notes, tr_format("error: {}", text));
}

std::unique_ptr<ReplySink> Chat::make_sink() {
  const Display& display = options_.display;
  if (screens_.drawn && options_.format == OutputFormat::kText && !display.raw) {
    return std::make_unique<ReplyView>(screens_.out, ViewOptions{.thought = display.thought,
                                                                 .colour = display.colour,
                                                                 .markdown = display.markdown,
                                                                 .stats = display.stats,
                                                                 .repair_html = true});
  }
  return make_plain_sink(screens_.out, {.format = options_.format,
                                        .thought = display.thought,
                                        .raw = display.raw,
                                        .terminal = screens_.drawn,
                                        .repair_html = display.markdown});
}

// Streams one reply; true when there is one.
bool Chat::run(const Ask& ask) {
  const std::unique_ptr<ReplySink> sink = make_sink();
  if (screens_.tty != nullptr) screens_.tty->set_mode(InputMode::kReply);
  take_interrupt();
  const Result<ReplyStats> stats = ask([&](const api::ChatChunk& chunk) {
    if (take_resize()) sink->on_resize();
    sink->on_chunk(chunk);
    return !interrupted() && screens_.out.error() == 0;
  });
  const bool stopped = interrupted();
  take_interrupt();
  const bool drawn = dynamic_cast<ReplyView*>(sink.get()) != nullptr;
  if (stats) {
    const Turn& turn = conversation_.turns().back();
    sink->finish(turn.reply, *stats);
    if (!drawn && options_.display.stats && options_.format == OutputFormat::kText) {
      print(screens_.notes, stats_line(*stats));
    }
  } else {
    sink->fail(stats.error());
    if (!drawn) print(screens_.notes, tr_format("error: {}", stats.error().message));
    code_ = stats.error().code == Code::kUnavailable ? kModelFailed : kGenerationFailed;
  }
  if (stopped) code_ = kInterrupted;
  check_output();
  if (!stats) return false;
  store_session();
  const api::ChatReply& reply = conversation_.turns().back().reply;
  if (!options_.save_boxes.empty() && !(reply.boxes.empty() && reply.points.empty())) {
    draw_boxes(options_.save_boxes);
  }
  return true;
}

// An answer that did not arrive has failed; where its reader is gone, nobody wants to know.
void Chat::check_output() {
  const int error = screens_.out.error();
  if (error == 0) return;
  code_ = kGenerationFailed;
  if (std::exchange(output_failed_, true) || error == EPIPE) return;
  fail(kGenerationFailed, tr_format("standard output cannot be written: {}", errno_text(error)));
}

bool Chat::is_command(const std::string& text) const {
  if (!text.starts_with('/') || text.starts_with("//")) return false;
  if (!options_.auto_attach) return true;
  // A picture dropped on the terminal is a path that begins the message.
  const std::vector<std::string> words = split_words(text.substr(0, 4096));
  return words.empty() || !kind_of_file(words[0]) || !is_file(words[0]);
}

bool Chat::handle(const std::string& given, bool verbatim) {
  code_ = kOk;
  std::string text = trimmed(given);
  if (text.empty()) return true;
  if (verbatim) {
    say(given.substr(0, given.find_last_not_of('\n') + 1));
    return true;
  }
  if (is_command(text)) {
    const bool goes_on = run_command(*this, text);
    check_output();
    return goes_on;
  }
  if (text.starts_with("//")) text.erase(0, 1);
  say(std::move(text));
  return true;
}

// Takes paths of media out of the text. False: one of them cannot be attached.
bool Chat::attach_from_text(std::string& text) {
  FoundPaths found = find_paths(text, is_file);
  std::vector<Attachment> items;
  for (const std::string& path : found.paths) {
    auto item = look_at(*kind_of_file(path), path);
    if (!item) {
      fail(kMediaFailed,
           Status{item.error().code, tr_format("{}; nothing was sent", item.error().message)});
      return false;
    }
    const std::string name = media::short_name(path);
    note(item->about.empty() ? tr_format("attached {}", name)
                             : tr_format("attached {}: {}", name, item->about));
    items.push_back(std::move(*item));
  }
  std::ranges::move(items, std::back_inserter(pending_));
  text = std::move(found.text);
  return true;
}

void Chat::say(std::string text) {
  if (options_.auto_attach && !attach_from_text(text)) return;
  if (text.empty() && pending_.empty()) return;
  Question question{std::move(text), std::move(pending_)};
  pending_.clear();
  ask([&](const Conversation::OnChunk& on_chunk) {
    return conversation_.send(std::move(question), options_.model.context_limit, on_chunk);
  });
}

void Chat::regenerate() {
  if (conversation_.turns().empty() && !conversation_.failed()) {
    return fail(kUsage, tr("there is no message to answer again"));
  }
  run([&](const Conversation::OnChunk& on_chunk) {
    return conversation_.retry(options_.model.context_limit, on_chunk);
  });
}

void Chat::edit() {
  const auto& turns = conversation_.turns();
  if (turns.empty() && !conversation_.failed()) {
    return fail(kUsage, tr("there is no message to edit"));
  }
  const std::string before =
      conversation_.failed() ? conversation_.failed()->text : turns.back().question.text;
  if (screens_.tty != nullptr) screens_.tty->set_mode(InputMode::kLine);
  auto edited = edit_elsewhere(before);
  if (!edited) return fail(kUsage, edited.error());
  const std::string text = trimmed(*edited);
  if (text == trimmed(before)) {
    return note(tr("unchanged: nothing was sent (/regen answers it again)"));
  }
  if (text.empty()) return note(tr("empty: nothing was sent"));
  Question question = conversation_.failed() ? *conversation_.failed() : turns.back().question;
  question.text = text;
  ask([&](const Conversation::OnChunk& on_chunk) {
    return conversation_.replace(std::move(question), options_.model.context_limit, on_chunk);
  });
}

// A question that is kept where it fails.
void Chat::ask(const Ask& ask) {
  if (run(ask) || screens_.tty == nullptr || !conversation_.failed()) return;
  note(tr("the message is kept: /regen sends it again, /edit changes it, /undo forgets it"));
}

void Chat::undo() {
  const std::optional<Question> question = conversation_.undo();
  if (!question) return fail(kUsage, tr("nothing to undo"));
  note(tr_format("forgotten: {}", shortened(printable(question->text), 60)));
  store_session();
}

void Chat::clear() {
  conversation_.clear();
  pending_.clear();
  note(tr("the conversation is empty"));
  store_session();
}

void Chat::show_thought() {
  const auto& turns = conversation_.turns();
  if (turns.empty() || turns.back().reply.reasoning.empty()) return note(tr("(no thought)"));
  print(screens_.out, turns.back().reply.reasoning);
}

void Chat::set_system(std::string text) {
  conversation_.set_system(std::move(text));
  note(tr(conversation_.system().empty() ? "no system prompt" : "the system prompt is changed"));
  store_session();
}

void Chat::show_system() {
  const std::string text = conversation_.system();
  print(screens_.out, text.empty() ? tr("(no system prompt)") : text);
}

void Chat::show_settings() {
  std::string text;
  for (const SettingRow& row : setting_rows()) {
    text += fmt::format("{:<20}{:<14}{}\n", row.name, row.get(settings()), tr(row.help));
  }
  print(screens_.out, text.substr(0, text.size() - 1));
}

void Chat::set(const std::string& name, const std::string& value) {
  if (auto done = change_setting(settings(), name, value); !done) return fail(kUsage, done.error());
  const auto row = std::ranges::find(setting_rows(), name, &SettingRow::name);
  note(fmt::format("{} {}", name, row->get(settings())));
}

void Chat::show_stats() {
  const auto& turns = conversation_.turns();
  if (turns.empty() || !turns.back().stats.is_object()) return note(tr("no reply yet"));
  print(screens_.out, stats_line(stats_from_json(turns.back().stats)));
}

void Chat::show_model() {
  std::string text = options_.model.name;
  if (!options_.model.about.empty()) text += "\n" + options_.model.about;
  if (options_.model.context_limit > 0) {
    text += "\n" + tr_format("context of {} tokens", options_.model.context_limit);
  }
  print(screens_.out, text);
}

}  // namespace glmv::terminal
