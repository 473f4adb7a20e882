// What a chat does with files: media, sessions, drawn boxes.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "glmv/base/files.h"
#include "glmv/base/texts.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/source.h"
#include "glmv/terminal/box_picture.h"
#include "glmv/terminal/chat.h"
#include "glmv/terminal/picture_preview.h"
#include "glmv/terminal/programs.h"
#include "glmv/terminal/wait_line.h"

namespace glmv::terminal {
namespace {

std::string shown_name(const Attachment& item) {
  const bool in_memory = item.path.starts_with("data:");
  if (in_memory && item.name.empty()) return tr("clipboard");
  return media::short_name(in_memory ? item.name : with_tilde(item.path));
}

std::string size_text(int64_t bytes) {
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
}

std::string messages_text(size_t count) {
  return tr_count(static_cast<int64_t>(count), "{} message with answers",
                  "{} messages with answers");
}

// boxes.png, or the first of boxes-2.png, ... that is not there.
std::string free_name() {
  std::error_code ignored;
  std::string name = "boxes.png";
  for (int i = 2; std::filesystem::exists(name, ignored) && i < 10'000; ++i) {
    name = fmt::format("boxes-{}.png", i);
  }
  return name;
}

}  // namespace

bool Chat::shows_waiting() const { return screens_.tty != nullptr && screens_.drawn; }

Result<Attachment> Chat::look_at(MediaKind kind, const std::string& path,
                                 const std::string& option) {
  WaitLine line(screens_.notes, shows_waiting());
  const std::string text = tr_format("reading {} ...", media::short_name(path));
  return options_.reader.attach(kind, path, option, [&] { return line.go_on(text); });
}

void Chat::attach(MediaKind kind, const std::string& path, const std::string& option) {
  auto item = look_at(kind, path, option);
  if (!item) return fail(kMediaFailed, item.error());
  std::string about = item->about.empty() ? size_text(item->num_bytes) : item->about;
  if (!item->option.empty()) about += ", " + item->option;
  note(tr_format("attached {} {}: {}", tr(kind_name(kind)), shown_name(*item), about));
  pending_.push_back(std::move(*item));
}

void Chat::attach_clipboard() {
  auto bytes = clipboard_picture();
  if (!bytes) return fail(kMediaFailed, bytes.error());
  auto item =
      options_.reader.attach_bytes(MediaKind::kImage, *std::move(bytes), tr("the clipboard"));
  if (!item) return fail(kMediaFailed, item.error());
  item->name.clear();
  note(tr_format("attached the picture in the clipboard: {}", item->about));
  pending_.push_back(std::move(*item));
}

Result<api::PromptTokens> Chat::count_tokens(const Question* next) {
  WaitLine line(screens_.notes, shows_waiting());
  return options_.count_tokens(conversation_.request(next),
                               [&](const api::ChatChunk& chunk) { return line.go_on(chunk); });
}

// What each medium of the conversation and of the next message costs; empty: not known.
std::vector<int64_t> Chat::media_tokens() {
  if (!options_.count_tokens) return {};
  const Question next{"", pending_};
  const auto counted = count_tokens(&next);
  if (!counted) return {};
  std::vector<int64_t> tokens;
  for (const api::PromptMedium& medium : counted->media) tokens.push_back(medium.num_tokens);
  return tokens;
}

void Chat::list_media() {
  std::vector<const Attachment*> items;
  for (const Turn& turn : conversation_.turns()) {
    for (const Attachment& item : turn.question.media) items.push_back(&item);
  }
  const size_t num_sent = items.size();
  for (const Attachment& item : pending_) items.push_back(&item);
  if (items.empty()) return note(tr("no media"));
  const std::vector<int64_t> tokens = media_tokens();
  const auto is_text = [](const Attachment* item) { return item->kind == MediaKind::kText; };
  const auto num_texts = std::ranges::count_if(items, is_text);
  const bool known = tokens.size() + static_cast<size_t>(num_texts) == items.size();
  std::string text;
  size_t medium = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const Attachment& item = *items[i];
    text += fmt::format("{:>3}  {:<7}{}  {}", i + 1, tr(kind_name(item.kind)), shown_name(item),
                        size_text(item.num_bytes));
    if (!item.about.empty()) text += ", " + item.about;
    if (!item.option.empty()) text += ", " + item.option;
    if (known && !is_text(&item)) text += tr_format(", {} tokens", tokens[medium++]);
    if (i >= num_sent) text += "  " + tr("(next message)");
    text += '\n';
  }
  text.pop_back();
  print(screens_.out, text);
}

void Chat::drop(const std::string& which) {
  if (which == "all") {
    pending_.clear();
    return note(tr("no media wait for the next message"));
  }
  size_t number = 0;
  const char* end = which.data() + which.size();
  const bool valid = std::from_chars(which.data(), end, number).ptr == end && number > 0;
  size_t before = 0;
  for (const Turn& turn : conversation_.turns()) before += turn.question.media.size();
  if (valid && number <= before) {
    conversation_.drop_medium(number - 1);
    note(tr("dropped; what follows in the conversation is read again with the next message"));
    return store_session();
  }
  if (!valid || number - before > pending_.size()) {
    return fail(kUsage, tr_format("there is no medium {}; /media lists them", which));
  }
  const auto at = pending_.begin() + static_cast<ptrdiff_t>(number - before - 1);
  note(tr_format("dropped {}", shown_name(*at)));
  pending_.erase(at);
}

void Chat::draw_boxes(std::string path) {
  if (conversation_.turns().empty()) return fail(kUsage, tr("there is no reply yet"));
  const auto pictures = [&] {
    WaitLine line(screens_.notes, shows_waiting());
    return conversation_.pictures([&](const api::ChatChunk& chunk) { return line.go_on(chunk); });
  }();
  if (!pictures) return fail(kMediaFailed, pictures.error());
  const auto picture = picture_with_boxes(conversation_.turns().back().reply, *pictures,
                                          options_.reader.pictures.get());
  if (!picture) return fail(kUsage, picture.error());
  path = path.empty() ? free_name() : expand_home(path);
  if (auto written = media::write_png(path, *picture); !written) {
    return fail(kMediaFailed, written.error());
  }
  note(tr_format("drawn to {}", path));
  if (screens_.tty == nullptr || !screens_.drawn || !options_.display.colour) return;
  if (!picture_protocol_) picture_protocol_ = static_cast<int>(ask_picture_protocol(*screens_.tty));
  const ScreenSize size = screens_.tty->size();
  screens_.out.write(picture_sequences(*picture, static_cast<PictureProtocol>(*picture_protocol_),
                                       size, std::min(size.columns, 80), size.rows / 2));
}

Session Chat::session() const {
  const Settings settings{const_cast<api::ChatRequest&>(conversation_.settings()),
                          const_cast<Display&>(options_.display)};
  return {options_.model.name, conversation_.system(), settings_json(settings),
          conversation_.turns()};
}

// Keeps --session up to date.
void Chat::store_session() {
  if (options_.session_file.empty() || session_failed_) return;
  auto stored = save_session(options_.session_file, session(), embedded());
  if (stored) return;
  session_failed_ = true;  // said once
  note(tr_format("warning: the session is not kept: {}", stored.error().message));
}

void Chat::save(const std::string& path) {
  auto stored = save_session(path, session(), embedded());
  if (!stored) return fail(kUsage, stored.error());
  note(tr_format("saved to {}: {}", path, messages_text(conversation_.turns().size())));
}

void Chat::load(const std::string& path) {
  auto loaded = [&] {
    WaitLine line(screens_.notes, shows_waiting());
    return load_session(path, options_.reader,
                        [&] { return line.go_on(tr_format("reading the files of {} ...", path)); });
  }();
  if (!loaded) return fail(kUsage, loaded.error());
  Session& session = loaded->session;
  for (const std::string& warning : loaded->warnings) note(tr_format("warning: {}", warning));
  for (const std::string& warning : apply_settings(settings(), session.params)) {
    note(tr_format("warning: {}", warning));
  }
  if (!session.model.empty() && session.model != options_.model.name) {
    note(tr_format("these answers are of {}; {} answers now", session.model, options_.model.name));
  }
  conversation_.set_system(session.system);
  const size_t count = session.turns.size();
  conversation_.restore(std::move(session.turns));
  pending_.clear();
  note(tr_format("loaded {}", messages_text(count)));
}

void Chat::export_to(const std::string& path) {
  auto stored = write_file_atomic(expand_home(path), export_markdown(session()));
  if (!stored) return fail(kUsage, stored.error());
  note(tr_format("exported to {}", path));
}

void Chat::show_tokens() {
  const int64_t limit = options_.model.context_limit;
  const auto tokens_text = [limit](int64_t count) {
    return limit > 0 ? tr_format("{} tokens of {}", count, limit) : tr_format("{} tokens", count);
  };
  if (options_.count_tokens) {
    const Question next{"", pending_};
    const bool waits = !pending_.empty();
    const auto counted = count_tokens(waits ? &next : nullptr);
    if (!counted) return fail(kGenerationFailed, counted.error());
    int64_t media = 0;
    for (const api::PromptMedium& medium : counted->media) media += medium.num_tokens;
    return print(screens_.out,
                 tr_format("{}, {} of them of media",
                           tokens_text(static_cast<int64_t>(counted->ids.size())), media) +
                     (waits ? tr(", with those of the next message") : ""));
  }
  const auto& turns = conversation_.turns();
  if (turns.empty() || !turns.back().stats.is_object()) {
    return note(tr("not known before the first reply"));
  }
  const ReplyStats stats = stats_from_json(turns.back().stats);
  print(screens_.out, tr_format("{} up to the last reply", tokens_text(stats.context_tokens)));
}

}  // namespace glmv::terminal
