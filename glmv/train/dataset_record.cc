#include "glmv/train/dataset_record.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace glmv::train {
namespace {

using text::ContentPart;
using text::Message;
using text::PartKind;

constexpr std::string_view kImageMarker = "<image>";
constexpr std::string_view kVideoMarker = "<video>";
constexpr std::array<std::string_view, 6> kKeys = {"messages", "images", "videos",
                                                   "system",   "tools",  "enable_thinking"};

// The entries of `images` or `videos` and how many of them markers have used.
struct MediaList {
  std::string_view key;
  std::vector<ContentPart> entries;
  size_t used = 0;
};

Result<ContentPart> parse_video(const Json& entry, size_t index) {
  ContentPart part{.kind = PartKind::kVideo};
  if (entry.is_string()) {
    return unsupported(
        "videos[{}]: video files cannot be read here yet; give the list of its frame pictures",
        index);
  }
  if (!entry.is_array() || entry.empty()) {
    return invalid_argument("videos[{}]: expected a list of frame pictures", index);
  }
  for (const Json& frame : entry) {
    if (!frame.is_string()) return invalid_argument("videos[{}]: a frame is not a path", index);
    part.frames.push_back(frame.get<std::string>());
  }
  return part;
}

Result<MediaList> parse_media(const Json& record, std::string_view key) {
  MediaList list{.key = key};
  const auto it = record.find(key);
  if (it == record.end() || it->is_null()) return list;
  if (!it->is_array()) return invalid_argument("\"{}\": expected a list", key);
  for (size_t i = 0; i < it->size(); ++i) {
    const Json& entry = (*it)[i];
    if (key == "videos") {
      GLMV_ASSIGN(ContentPart part, parse_video(entry, i));
      list.entries.push_back(std::move(part));
    } else {
      if (!entry.is_string()) return invalid_argument("images[{}]: expected a path", i);
      list.entries.push_back({.kind = PartKind::kImage, .source = entry.get<std::string>()});
    }
  }
  return list;
}

// The next entry; past the end a part without source, which the count check reports.
ContentPart next_medium(MediaList& list) {
  const size_t index = list.used++;
  if (index < list.entries.size()) return list.entries[index];
  return {.kind = list.key == "images" ? PartKind::kImage : PartKind::kVideo};
}

// "a<image>b" -> text a, image, text b.
std::vector<ContentPart> split_markers(std::string_view text, MediaList& images,
                                       MediaList& videos) {
  std::vector<ContentPart> parts;
  const auto add_text = [&](std::string_view piece) {
    if (!piece.empty()) parts.push_back({.kind = PartKind::kText, .text = std::string(piece)});
  };
  while (true) {
    const size_t image = text.find(kImageMarker);
    const size_t video = text.find(kVideoMarker);
    const size_t at = std::min(image, video);
    if (at == std::string_view::npos) break;
    add_text(text.substr(0, at));
    parts.push_back(next_medium(image < video ? images : videos));
    text.remove_prefix(at + kImageMarker.size());
  }
  add_text(text);
  return parts;
}
static_assert(kImageMarker.size() == kVideoMarker.size());

void place_media(Message& message, MediaList& images, MediaList& videos) {
  if (message.role == "assistant") return;
  if (message.content_is_string) {
    const std::string content = message.text();
    const bool marked = content.contains(kImageMarker) || content.contains(kVideoMarker);
    if (!marked) return;
    message.content = split_markers(content, images, videos);
    message.content_is_string = false;
    return;
  }
  for (ContentPart& part : message.content) {
    if (part.kind == PartKind::kText || !part.source.empty() || !part.frames.empty()) continue;
    part = next_medium(part.kind == PartKind::kImage ? images : videos);
  }
}

Result<void> check_count(const MediaList& list, std::string_view marker) {
  if (list.used == list.entries.size()) return {};
  return invalid_argument("{} {} marker(s) outside assistant turns, but {} entries in \"{}\"",
                          list.used, marker, list.entries.size(), list.key);
}

// Roles of LLaMA-Factory's tag set -> OpenAI's.
Result<Json> normalised_messages(const Json& record) {
  const auto it = record.find("messages");
  if (it == record.end()) return invalid_argument("\"messages\" is missing");
  if (!it->is_array() || it->empty()) {
    return invalid_argument("\"messages\": expected a list of at least one message");
  }
  Json messages = *it;
  for (size_t i = 0; i < messages.size(); ++i) {
    Json& message = messages[i];
    const auto role = message.is_object() ? message.find("role") : message.end();
    if (!message.is_object() || role == message.end() || !role->is_string()) {
      return invalid_argument("messages[{}]: expected an object with \"role\" and \"content\"", i);
    }
    if (*role == "observation") *role = "tool";
    constexpr std::array<std::string_view, 4> kRoles = {"user", "assistant", "system", "tool"};
    if (std::ranges::find(kRoles, role->get<std::string>()) == kRoles.end()) {
      return invalid_argument(
          "messages[{}].role: unknown role {}; known: user, assistant, system, observation, tool",
          i, role->dump());
    }
    if (*role == "system" && i > 0) {
      return invalid_argument("messages[{}].role: a system message must be the first", i);
    }
  }
  return messages;
}

Result<void> check_turns(const std::vector<Message>& messages) {
  if (messages.back().role != "assistant") {
    return invalid_argument("messages[{}]: the last turn must be the assistant's, not {}'s",
                            messages.size() - 1, messages.back().role);
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role == "assistant" && message.text().empty() && !message.reasoning_content &&
        message.tool_calls.is_null()) {
      return invalid_argument("messages[{}]: an assistant turn without content", i);
    }
  }
  return {};
}

}  // namespace

Result<Sample> parse_record(const Json& record) {
  if (!record.is_object()) return invalid_argument("expected an object with \"messages\"");
  for (const auto& [key, value] : record.items()) {
    if (std::ranges::find(kKeys, key) == kKeys.end()) {
      return invalid_argument("unknown key \"{}\"; known: {}", key, fmt::join(kKeys, ", "));
    }
  }
  GLMV_ASSIGN(const Json messages, normalised_messages(record));
  GLMV_ASSIGN(MediaList images, parse_media(record, "images"));
  GLMV_ASSIGN(MediaList videos, parse_media(record, "videos"));

  Sample sample;
  GLMV_ASSIGN(sample.messages, text::parse_messages(messages));
  for (Message& message : sample.messages) place_media(message, images, videos);
  GLMV_RETURN_IF_ERROR(check_count(images, kImageMarker));
  GLMV_RETURN_IF_ERROR(check_count(videos, kVideoMarker));
  GLMV_RETURN_IF_ERROR(check_turns(sample.messages));

  if (const auto it = record.find("system"); it != record.end() && !it->is_null()) {
    if (!it->is_string()) return invalid_argument("\"system\": expected a string");
    if (sample.messages.front().role == "system") {
      return invalid_argument("\"system\" is given, and messages[0] is a system message as well");
    }
    if (!it->get<std::string>().empty()) {
      sample.messages.insert(sample.messages.begin(), Message::system(it->get<std::string>()));
    }
  }
  if (const auto it = record.find("tools"); it != record.end() && !it->is_null()) {
    Json tools = *it;
    if (tools.is_string()) {  // LLaMA-Factory keeps them as JSON text
      GLMV_ASSIGN(tools, parse_json(it->get<std::string>(), "\"tools\""));
    }
    if (!tools.is_array()) return invalid_argument("\"tools\": expected a list");
    if (!tools.empty()) sample.tools = std::move(tools);
  }
  if (const auto it = record.find("enable_thinking"); it != record.end() && !it->is_null()) {
    if (!it->is_boolean()) return invalid_argument("\"enable_thinking\": expected true or false");
    sample.enable_thinking = it->get<bool>();
  }
  return sample;
}

}  // namespace glmv::train
