#include "glmv/terminal/session_file.h"

#include <utility>

#include "glmv/base/files.h"
#include "glmv/base/private_file.h"
#include "glmv/base/texts.h"
#include "glmv/base/utf8.h"
#include "glmv/media/base64.h"
#include "glmv/media/source.h"
#include "glmv/parsers/answer.h"

namespace glmv::terminal {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 30;

Result<Json> medium_json(const Attachment& item, EmbeddedMedia* embedded) {
  const bool in_memory = item.path.starts_with("data:");
  Json json = {{"kind", kind_name(item.kind)},
               {"path", in_memory ? item.name : with_tilde(item.path)},
               {"sha256", item.sha256},
               {"opts", item.option}};
  if (in_memory) {
    json["data"] = item.path.substr(item.path.find(',') + 1);
  } else if (embedded != nullptr) {
    GLMV_ASSIGN(const auto base64, embedded->base64_of(item));
    json["data"] = *base64;
  }
  return json;
}

// A field of an object as text; absent: "".
Result<std::string> text_field(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key) || json[key].is_null()) return std::string();
  if (!json[key].is_string()) return invalid_argument("{}.{}: expected text", where, key);
  return json[key].get<std::string>();
}

Result<Attachment> parse_medium(const Json& json, const MediaReader& reader,
                                const std::string& where, const Wanted& wanted,
                                std::vector<std::string>& warnings) {
  if (!json.is_object()) return invalid_argument("{}: expected an object", where);
  GLMV_ASSIGN(const std::string name, text_field(json, "kind", where));
  const auto kind = kind_by_name(name);
  if (!kind) {
    return invalid_argument("{}.kind: \"{}\" is none of image, video, pdf, slides, text", where,
                            name);
  }
  GLMV_ASSIGN(const std::string path, text_field(json, "path", where));
  GLMV_ASSIGN(const std::string option, text_field(json, "opts", where));
  GLMV_ASSIGN(const std::string hash, text_field(json, "sha256", where));
  GLMV_ASSIGN(const std::string data, text_field(json, "data", where));
  Result<Attachment> item = not_found("it has neither path nor data");
  const std::string shown =
      path.empty() ? tr_format("a medium ({})", kind_name(*kind)) : media::short_name(path);
  if (!data.empty()) {
    auto bytes = media::decode_base64(data);
    if (!bytes) return in_context(where + ".data", bytes.error());
    item =
        reader.attach_bytes(*kind, *std::move(bytes), path.empty() ? shown : path, option, wanted);
    if (item) item->name = path;
  } else if (!path.empty()) {
    item = reader.attach(*kind, path, option, wanted);
  }
  if (!item && item.error().code == Code::kCancelled) return item;
  if (!item) {
    warnings.push_back(tr_format("{} is left out: {}", shown, item.error().message));
  } else if (!hash.empty() && item->sha256 != hash) {
    warnings.push_back(tr_format("{} has changed since the session was saved", shown));
  }
  return item;
}

Result<void> parse_user(const Json& json, const MediaReader& reader, const std::string& where,
                        const Wanted& wanted, LoadedSession& out) {
  Turn turn;
  GLMV_ASSIGN(turn.question.text, text_field(json, "text", where));
  const Json media = json.value("media", Json::array());
  if (!media.is_array()) return invalid_argument("{}.media: expected a list", where);
  for (size_t i = 0; i < media.size(); ++i) {
    const size_t num_warnings = out.warnings.size();
    auto item =
        parse_medium(media[i], reader, fmt::format("{}.media[{}]", where, i), wanted, out.warnings);
    if (item) {
      turn.question.media.push_back(std::move(*item));
    } else if (out.warnings.size() == num_warnings) {
      return std::unexpected(item.error());
    }
  }
  out.session.turns.push_back(std::move(turn));
  return {};
}

}  // namespace

Result<std::shared_ptr<const std::string>> EmbeddedMedia::base64_of(const Attachment& item) {
  if (const auto known = by_sha256_.find(item.sha256); known != by_sha256_.end()) {
    return known->second;
  }
  GLMV_ASSIGN(const std::string bytes, read_file(item.path, kMaxBytes / 2));
  auto base64 = std::make_shared<const std::string>(media::encode_base64(bytes));
  by_sha256_.emplace(item.sha256, base64);
  return base64;
}

Result<Json> session_json(const Session& session, EmbeddedMedia* embedded) {
  Json messages = Json::array();
  for (const Turn& turn : session.turns) {
    Json media = Json::array();
    for (const Attachment& item : turn.question.media) {
      GLMV_ASSIGN(Json medium, medium_json(item, embedded));
      media.push_back(std::move(medium));
    }
    messages.push_back(
        {{"role", "user"}, {"text", repair_utf8(turn.question.text)}, {"media", std::move(media)}});
    Json answer = {{"role", "assistant"},
                   {"text", repair_utf8(parsers::strip_box_markers(turn.reply.content))},
                   {"think", repair_utf8(turn.reply.reasoning)},
                   {"stats", turn.stats},
                   {"finish", turn.reply.finish_reason}};
    if (turn.interrupted) answer["interrupted"] = true;
    messages.push_back(std::move(answer));
  }
  return Json{{"v", 1},
              {"model", session.model},
              {"system", repair_utf8(session.system)},
              {"params", session.params},
              {"messages", std::move(messages)}};
}

Result<LoadedSession> parse_session(const Json& json, const MediaReader& reader,
                                    const Wanted& wanted) {
  if (!json.is_object() || !json.contains("v")) {
    return invalid_argument("no session: expected an object with \"v\": 1");
  }
  if (json["v"] != 1) {
    return unsupported("session of version {}: this program reads version 1", json["v"].dump());
  }
  LoadedSession out;
  GLMV_ASSIGN(out.session.model, text_field(json, "model", "session"));
  GLMV_ASSIGN(out.session.system, text_field(json, "system", "session"));
  out.session.params = json.value("params", Json::object());
  if (!out.session.params.is_object()) return invalid_argument("params: expected an object");
  const Json messages = json.value("messages", Json::array());
  if (!messages.is_array()) return invalid_argument("messages: expected a list");
  std::vector<Turn>& turns = out.session.turns;
  bool answered = true;
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string where = fmt::format("messages[{}]", i);
    if (!messages[i].is_object()) return invalid_argument("{}: expected an object", where);
    GLMV_ASSIGN(const std::string role, text_field(messages[i], "role", where));
    if (role == "user" && answered) {
      GLMV_RETURN_IF_ERROR(parse_user(messages[i], reader, where, wanted, out));
    } else if (role == "assistant" && !answered) {
      Turn& turn = turns.back();
      GLMV_ASSIGN(turn.reply.content, text_field(messages[i], "text", where));
      GLMV_ASSIGN(turn.reply.reasoning, text_field(messages[i], "think", where));
      GLMV_ASSIGN(turn.reply.finish_reason, text_field(messages[i], "finish", where));
      turn.stats = messages[i].value("stats", Json());
      turn.interrupted = turn.reply.finish_reason == "cancelled";
    } else {
      return invalid_argument("{}.role: \"{}\"; user and assistant take turns", where, role);
    }
    answered = role == "assistant";
  }
  if (!answered) turns.pop_back();  // a question without its answer
  return out;
}

Result<void> save_session(const std::filesystem::path& path, const Session& session,
                          EmbeddedMedia* embedded) {
  GLMV_ASSIGN(const Json json, session_json(session, embedded));
  return write_private_file(expand_home(path.string()), json.dump(1) + "\n");
}

Result<LoadedSession> load_session(const std::filesystem::path& path, const MediaReader& reader,
                                   const Wanted& wanted) {
  GLMV_ASSIGN(const Json json, read_json_file(expand_home(path.string()), kMaxBytes));
  auto session = parse_session(json, reader, wanted);
  if (!session) return in_context(path.string(), session.error());
  return session;
}

std::string export_markdown(const Session& session) {
  std::string out = "# Conversation with " + session.model + "\n";
  if (!session.system.empty()) out += "\n> " + session.system + "\n";
  for (const Turn& turn : session.turns) {
    out += "\n## You\n\n";
    for (const Attachment& item : turn.question.media) {
      const bool in_memory = item.path.starts_with("data:");
      std::filesystem::path path = in_memory ? item.name : item.path;
      if (path.empty()) path = "clipboard";
      const std::string name = path.filename().string();
      out += fmt::format("*{}: {}{}{}*\n\n", kind_name(item.kind), media::short_name(name),
                         item.option.empty() ? "" : " ", item.option);
    }
    out += turn.question.text + "\n\n## " + session.model + "\n\n";
    if (!turn.reply.reasoning.empty()) {
      out +=
          "<details><summary>Thought</summary>\n\n" + turn.reply.reasoning + "\n\n</details>\n\n";
    }
    out += parsers::strip_box_markers(turn.reply.content) + "\n";
    if (turn.interrupted) out += "\n*(interrupted)*\n";
  }
  return out;
}

}  // namespace glmv::terminal
