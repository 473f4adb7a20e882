#include "glmv/text/messages.h"

#include <cmath>

#include "glmv/base/utf8.h"
#include "glmv/text/page_list.h"

namespace glmv::text {
namespace {

constexpr size_t kMaxMessages = 10'000;
constexpr size_t kMaxParts = 10'000;
constexpr size_t kMaxToolCalls = 1'000;
constexpr size_t kMaxFrames = 100'000;

Message plain(std::string role, std::string text) {
  Message message;
  message.role = std::move(role);
  message.content.push_back({.text = std::move(text)});
  return message;
}

Result<std::string> string_field(const Json& json, const std::string& path) {
  if (!json.is_string()) {
    return invalid_argument("{}: must be a string, not {}", path, json.type_name());
  }
  const auto& text = json.get_ref<const std::string&>();
  if (const auto bad = find_invalid_utf8(text)) {
    return invalid_argument("{}: invalid UTF-8 at byte {}", path, *bad);
  }
  return text;
}

// A media source: a string, or an object {"url": string}.
Result<std::string> source_field(const Json& json, const std::string& path) {
  std::string source;
  if (json.is_object()) {
    const auto url = json.find("url");
    if (url == json.end()) return invalid_argument("{}.url: is missing", path);
    GLMV_ASSIGN(source, string_field(*url, path + ".url"));
  } else {
    GLMV_ASSIGN(source, string_field(json, path));
  }
  if (source.empty()) return invalid_argument("{}: is empty; give a path or a URL", path);
  return source;
}

Result<void> read_frames(const Json& list, const std::string& path, ContentPart& part) {
  if (list.empty()) return invalid_argument("{}: has no frames", path);
  if (list.size() > kMaxFrames) {
    return invalid_argument("{}: {} frames; at most {} are accepted", path, list.size(),
                            kMaxFrames);
  }
  for (size_t i = 0; i < list.size(); ++i) {
    GLMV_ASSIGN(std::string frame, source_field(list[i], fmt::format("{}[{}]", path, i)));
    part.frames.push_back(std::move(frame));
  }
  return {};
}

// A field of a media part, or of the object in it that holds the source.
const Json* option(const Json& part, const Json& value, const char* name) {
  for (const Json* object : {&value, &part}) {
    if (!object->is_object()) continue;
    const auto it = object->find(name);
    if (it != object->end() && !it->is_null()) return &*it;
  }
  return nullptr;
}

// A whole number from 1 on, if the field is there.
Result<void> read_count(const Json* field, const std::string& path, int64_t& target) {
  if (field == nullptr) return {};
  const double number = field->is_number() ? field->get<double>() : 0;
  if (!(number >= 1) || number > 1e15 || std::nearbyint(number) != number) {
    return invalid_argument("{}: must be a whole number above 0", path);
  }
  target = static_cast<int64_t>(number);
  return {};
}

Result<void> read_size_options(const Json& json, const Json& value, const std::string& path,
                               ContentPart& part) {
  if (const Json* detail = option(json, value, "detail"); detail != nullptr) {
    struct Row {
      const char* name;
      Detail detail;
    };
    constexpr Row kDetails[] = {{"auto", Detail::kAuto},
                                {"low", Detail::kLow},
                                {"high", Detail::kHigh},
                                {"original", Detail::kOriginal}};
    const Row* found = nullptr;
    for (const Row& row : kDetails) {
      if (*detail == row.name) found = &row;
    }
    if (found == nullptr) {
      return invalid_argument("{}.detail: must be one of auto, low, high, original", path);
    }
    part.detail = found->detail;
  }
  return read_count(option(json, value, "max_pixels"), path + ".max_pixels", part.max_pixels);
}

Result<void> read_frame_times(const Json& times, const char* name, double per_second,
                              const std::string& path, ContentPart& part) {
  const bool is_list = times.is_array() && times.size() <= kMaxFrames;
  if (!is_list || (!part.frames.empty() && times.size() != part.frames.size())) {
    return invalid_argument("{}.{}: must be a list with one number for each frame", path, name);
  }
  for (const Json& time : times) {
    if (!time.is_number()) return invalid_argument("{}.{}: must hold numbers", path, name);
    part.frame_times_s.push_back(time.get<double>() / per_second);
  }
  return {};
}

// Under the first of `names` that is there.
Result<void> read_seconds(const Json& json, const Json& value,
                          std::initializer_list<const char*> names, const std::string& path,
                          double& seconds) {
  for (const char* name : names) {
    const Json* const given = option(json, value, name);
    if (given == nullptr) continue;
    if (!given->is_number() || !(given->get<double>() >= 0) || !(given->get<double>() < 1e9)) {
      return invalid_argument("{}.{}: must be a number of seconds from 0", path, name);
    }
    seconds = given->get<double>();
    return {};
  }
  return {};
}

Result<void> read_video_options(const Json& json, const Json& value, const std::string& path,
                                ContentPart& part) {
  if (const Json* fps = option(json, value, "fps"); fps != nullptr) {
    if (!fps->is_number() || !(fps->get<double>() > 0) || !std::isfinite(fps->get<double>())) {
      return invalid_argument("{}.fps: must be a number above 0", path);
    }
    part.fps = fps->get<double>();
  }
  GLMV_RETURN_IF_ERROR(read_seconds(json, value, {"start", "begin_s"}, path, part.begin_s));
  GLMV_RETURN_IF_ERROR(read_seconds(json, value, {"end", "end_s"}, path, part.end_s));
  GLMV_RETURN_IF_ERROR(
      read_count(option(json, value, "max_frames"), path + ".max_frames", part.max_frames));
  if (const Json* times = option(json, value, "frame_times_s"); times != nullptr) {
    return read_frame_times(*times, "frame_times_s", 1, path, part);
  }
  if (const Json* indices = option(json, value, "frames_indices"); indices != nullptr) {
    return read_frame_times(*indices, "frames_indices", part.list_fps(), path, part);
  }
  return {};
}

// The value of the first of `keys` that the part has.
const Json* find_any(const Json& json, std::initializer_list<const char*> keys, std::string& key) {
  for (const char* name : keys) {
    const auto it = json.find(name);
    if (it != json.end() && !it->is_null()) {
      key = name;
      return &*it;
    }
  }
  return nullptr;
}

// A file that was sent before (server/uploads.h).
Result<std::string> file_id_source(const Json& id, const std::string& path) {
  GLMV_ASSIGN(const std::string name, string_field(id, path));
  if (name.empty()) return invalid_argument("{}: is empty", path);
  return "file:" + name;
}

// OpenAI's file parts: {"type": "file", "file": {"file_data" | "file_id", "filename"}}, or the same
// fields in the part itself (Responses API). Data may come without the head of a data: URL.
Result<void> read_document(const Json& json, const std::string& path, ContentPart& part) {
  part.kind = PartKind::kDocument;
  const auto inner = json.find("file");
  if (inner != json.end() && inner->is_string()) {
    GLMV_ASSIGN(part.source, source_field(*inner, path + ".file"));
  }
  const bool nested = inner != json.end() && inner->is_object();
  const Json& file = nested ? *inner : json;
  const std::string here = nested ? path + ".file" : path;
  std::string key;
  if (part.source.empty()) {
    const Json* const value =
        find_any(file, {"file_data", "file_id", "file_url", "url", "path"}, key);
    if (value == nullptr) return invalid_argument("{}.file_data: is missing", here);
    if (key == "file_id") {
      GLMV_ASSIGN(part.source, file_id_source(*value, here + ".file_id"));
    } else {
      GLMV_ASSIGN(part.source, source_field(*value, here + "." + key));
    }
    constexpr std::string_view kData = "data:";
    if (key == "file_data" && !std::string_view(part.source).starts_with(kData)) {
      part.source.insert(0, "data:;base64,");
    }
  }
  if (const Json* name = option(json, file, "filename"); name != nullptr) {
    GLMV_ASSIGN(part.name, string_field(*name, here + ".filename"));
  }
  if (const Json* pages = option(json, file, "pages"); pages != nullptr) {
    GLMV_ASSIGN(part.pages, string_field(*pages, path + ".pages"));
    if (const auto list = parse_page_list(part.pages); !list) {
      return in_context(path + ".pages", list.error());
    }
  }
  if (const Json* dpi = option(json, file, "dpi"); dpi != nullptr) {
    part.dpi = dpi->is_number() ? dpi->get<double>() : 0;
    if (!(part.dpi >= kMinDpi) || part.dpi > kMaxDpi) {
      return invalid_argument("{}.dpi: must be a number from {} to {}", path, kMinDpi, kMaxDpi);
    }
  }
  return read_size_options(json, file, path, part);
}

Result<ContentPart> read_part(const Json& json, const std::string& path) {
  ContentPart part;
  if (json.is_string()) {
    GLMV_ASSIGN(part.text, string_field(json, path));
    return part;
  }
  if (!json.is_object()) {
    return invalid_argument("{}: must be an object with a type, not {}", path, json.type_name());
  }
  const auto type_field = json.find("type");
  if (type_field == json.end()) return invalid_argument("{}.type: is missing", path);
  GLMV_ASSIGN(const std::string type, string_field(*type_field, path + ".type"));
  std::string key;
  if (type == "text" || type == "input_text" || type == "output_text") {
    const auto text = json.find("text");
    if (text == json.end()) return invalid_argument("{}.text: is missing", path);
    GLMV_ASSIGN(part.text, string_field(*text, path + ".text"));
    return part;
  }
  if (type == "image" || type == "image_url" || type == "input_image") {
    part.kind = PartKind::kImage;
    const Json* value = find_any(json, {"image_url", "image", "url", "path", "file_id"}, key);
    if (value == nullptr) return invalid_argument("{}.{}: is missing", path, type);
    GLMV_ASSIGN(part.source, key == "file_id" ? file_id_source(*value, path + ".file_id")
                                              : source_field(*value, path + "." + key));
    GLMV_RETURN_IF_ERROR(read_size_options(json, *value, path, part));
    return part;
  }
  if (type == "video" || type == "video_url" || type == "input_video") {
    part.kind = PartKind::kVideo;
    const Json* value = find_any(json, {"video_url", "video", "frames", "url", "path"}, key);
    if (value == nullptr) return invalid_argument("{}.{}: is missing", path, type);
    if (value->is_array()) {
      GLMV_RETURN_IF_ERROR(read_frames(*value, path + "." + key, part));
    } else {
      GLMV_ASSIGN(part.source, source_field(*value, path + "." + key));
    }
    GLMV_RETURN_IF_ERROR(read_size_options(json, *value, path, part));
    GLMV_RETURN_IF_ERROR(read_video_options(json, *value, path, part));
    return part;
  }
  for (const char* name : {"input_audio", "audio_url", "audio"}) {
    if (type == name) return invalid_argument("{}.type: sound is not supported", path);
  }
  if (type == "file" || type == "input_file") {
    GLMV_RETURN_IF_ERROR(read_document(json, path, part));
    return part;
  }
  return invalid_argument(
      "{}.type: '{}' is not one of text, image, image_url, video, video_url, file", path, type);
}

Result<void> read_content(const Json& json, const std::string& path, Message& message) {
  if (json.is_null()) {
    message.content.push_back({});
    return {};
  }
  if (json.is_string()) {
    ContentPart part;
    GLMV_ASSIGN(part.text, string_field(json, path));
    message.content.push_back(std::move(part));
    return {};
  }
  if (!json.is_array()) {
    return invalid_argument("{}: must be a string or a list of parts, not {}", path,
                            json.type_name());
  }
  if (json.size() > kMaxParts) {
    return invalid_argument("{}: {} parts; at most {} are accepted", path, json.size(), kMaxParts);
  }
  message.content_is_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    GLMV_ASSIGN(ContentPart part, read_part(json[i], fmt::format("{}[{}]", path, i)));
    message.content.push_back(std::move(part));
  }
  return {};
}

// Templates iterate over the arguments, so that JSON text becomes an object.
Result<Json> read_arguments(const Json& json, const std::string& path) {
  Json arguments = json;
  if (json.is_string()) {
    GLMV_ASSIGN(const std::string text, string_field(json, path));
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
    GLMV_ASSIGN(arguments, parse_json(text, path));
  }
  if (arguments.is_null()) return Json::object();
  if (!arguments.is_object()) {
    return invalid_argument("{}: must be a JSON object, not {}", path, arguments.type_name());
  }
  return arguments;
}

Result<Json> read_tool_calls(const Json& json, const std::string& path) {
  if (json.is_null()) return Json();
  if (!json.is_array()) return invalid_argument("{}: must be a list", path);
  if (json.size() > kMaxToolCalls) {
    return invalid_argument("{}: {} calls; at most {} are accepted", path, json.size(),
                            kMaxToolCalls);
  }
  Json out = Json::array();
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string here = fmt::format("{}[{}]", path, i);
    if (!json[i].is_object()) return invalid_argument("{}: must be an object", here);
    Json call = json[i];
    const bool wrapped = call.contains("function");
    if (wrapped && !call["function"].is_object()) {
      return invalid_argument("{}.function: must be an object", here);
    }
    Json& function = wrapped ? call["function"] : call;
    const std::string where = wrapped ? here + ".function" : here;
    if (!function.contains("name")) return invalid_argument("{}.name: is missing", where);
    GLMV_RETURN_IF_ERROR(string_field(function["name"], where + ".name"));
    const Json given = function.contains("arguments") ? function["arguments"] : Json();
    GLMV_ASSIGN(function["arguments"], read_arguments(given, where + ".arguments"));
    out.push_back(std::move(call));
  }
  return out;
}

Result<Message> read_message(const Json& json, const std::string& path) {
  if (!json.is_object()) return invalid_argument("{}: must be an object", path);
  Message message;
  const auto role = json.find("role");
  if (role == json.end()) return invalid_argument("{}.role: is missing", path);
  GLMV_ASSIGN(message.role, string_field(*role, path + ".role"));
  if (message.role == "developer") message.role = "system";
  if (message.role != "system" && message.role != "user" && message.role != "assistant" &&
      message.role != "tool") {
    return invalid_argument("{}.role: '{}' is not one of system, developer, user, assistant, tool",
                            path, message.role);
  }
  const auto content = json.find("content");
  const auto calls = json.find("tool_calls");
  const bool has_calls = calls != json.end() && !calls->is_null();
  if (content == json.end() && message.role != "assistant") {
    return invalid_argument("{}.content: is missing", path);
  }
  GLMV_RETURN_IF_ERROR(
      read_content(content == json.end() ? Json() : *content, path + ".content", message));
  for (const char* name : {"reasoning_content", "reasoning", "thinking"}) {
    const auto reasoning = json.find(name);
    if (reasoning == json.end() || reasoning->is_null()) continue;
    GLMV_ASSIGN(message.reasoning_content,
                string_field(*reasoning, fmt::format("{}.{}", path, name)));
    break;
  }
  if (has_calls) {
    if (message.role != "assistant") {
      return invalid_argument("{}.tool_calls: only assistant messages have them", path);
    }
    GLMV_ASSIGN(message.tool_calls, read_tool_calls(*calls, path + ".tool_calls"));
  }
  if (const auto id = json.find("tool_call_id"); id != json.end() && !id->is_null()) {
    GLMV_ASSIGN(message.tool_call_id, string_field(*id, path + ".tool_call_id"));
  }
  return message;
}

bool all_text(const Message& message) {
  for (const ContentPart& part : message.content) {
    if (part.kind != PartKind::kText) return false;
  }
  return true;
}

Json content_json(const Message& message) {
  // Some templates print a list of system or assistant content as a Python list.
  const bool flatten =
      message.role == "system" || message.role == "developer" || message.role == "assistant";
  if (all_text(message) && (message.content_is_string || flatten)) return message.text();
  Json list = Json::array();
  for (const ContentPart& part : message.content) {
    switch (part.kind) {
      case PartKind::kText:
        list.push_back({{"type", "text"}, {"text", part.text}});
        break;
      case PartKind::kImage:
        list.push_back({{"type", "image"}});
        break;
      case PartKind::kVideo:
        list.push_back({{"type", "video"}});
        break;
      case PartKind::kDocument:  // its pages should stand here
        break;
    }
  }
  return list;
}

}  // namespace

Message Message::user(std::string text) { return plain("user", std::move(text)); }
Message Message::system(std::string text) { return plain("system", std::move(text)); }
Message Message::assistant(std::string text) { return plain("assistant", std::move(text)); }

std::string Message::text() const {
  std::string out;
  for (const ContentPart& part : content) {
    if (part.kind == PartKind::kText) out += part.text;
  }
  return out;
}

std::unexpected<Status> in_part(const ContentPart& part, size_t message, size_t index,
                                const Status& status) {
  if (!part.source.empty() && !part.source.starts_with("data:")) return std::unexpected(status);
  return in_context(fmt::format("messages[{}].content[{}]", message, index), status);
}

Result<std::vector<Message>> parse_messages(const Json& messages) {
  if (!messages.is_array()) {
    return invalid_argument("messages: must be a list, not {}", messages.type_name());
  }
  if (messages.size() > kMaxMessages) {
    return invalid_argument("messages: {} messages; at most {} are accepted", messages.size(),
                            kMaxMessages);
  }
  std::vector<Message> out;
  for (size_t i = 0; i < messages.size(); ++i) {
    GLMV_ASSIGN(Message message, read_message(messages[i], fmt::format("messages[{}]", i)));
    out.push_back(std::move(message));
  }
  return out;
}

Json to_template_json(const std::vector<Message>& messages) {
  Json out = Json::array();
  for (const Message& message : messages) {
    Json row = {{"role", message.role == "developer" ? "system" : message.role},
                {"content", content_json(message)}};
    if (message.reasoning_content) row["reasoning_content"] = *message.reasoning_content;
    if (!message.tool_calls.is_null()) row["tool_calls"] = message.tool_calls;
    if (!message.tool_call_id.empty()) row["tool_call_id"] = message.tool_call_id;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace glmv::text
