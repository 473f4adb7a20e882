#include "glmv/store/conversation_json.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace glmv::store {
namespace {

constexpr size_t kMaxMessages = 20'000;
constexpr size_t kMaxParts = 200;
constexpr int64_t kMaxTimeMs = int64_t{1} << 52;  // what a double holds exactly

bool is_id_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// Takes known fields out of an object; what is left is the rest. The first error stays.
class Fields {
 public:
  Fields(const Json& object, std::string path) : path_(std::move(path)) {
    if (object.is_object()) {
      left_ = object;
    } else {
      fail("", "must be an object");
    }
  }

  std::string text(const char* name, std::string otherwise = {}) {
    const Json value = take(name);
    if (value.is_null()) return otherwise;
    if (!value.is_string()) return fail(name, "must be a string"), std::string();
    return value.get<std::string>();
  }
  std::string id(const char* name) {
    std::string value = text(name);
    if (!is_id(value)) fail(name, "must be 1 to 64 letters, digits, \"_\" or \"-\"");
    return value;
  }
  std::optional<std::string> id_or_null(const char* name) {
    if (!left_.contains(name) || left_[name].is_null()) {
      take(name);
      return std::nullopt;
    }
    return id(name);
  }
  int64_t time_ms(const char* name) {
    const Json value = take(name);
    if (value.is_null()) return 0;
    const double number = value.is_number() ? value.get<double>() : -1;
    if (!(number >= 0 && number <= kMaxTimeMs)) return fail(name, "must be a time in ms"), 0;
    return static_cast<int64_t>(number);
  }
  bool flag(const char* name) {
    const Json value = take(name);
    if (!value.is_null() && !value.is_boolean()) fail(name, "must be true or false");
    return value.is_boolean() && value.get<bool>();
  }
  Json object(const char* name) {
    Json value = take(name);
    if (value.is_null()) return Json::object();
    if (!value.is_object()) fail(name, "must be an object");
    return value;
  }
  Json list(const char* name, size_t most) {
    Json value = take(name);
    if (value.is_null()) return Json::array();
    if (!value.is_array()) return fail(name, "must be a list"), Json::array();
    if (value.size() > most) {
      return fail(name, fmt::format("has {} items; at most {}", value.size(), most)), Json::array();
    }
    return value;
  }
  void drop(const char* name) { take(name); }

  void fail(const std::string& name, const std::string& what) {
    if (!error_.empty()) return;
    const char* const dot = path_.empty() || name.empty() ? "" : ".";
    error_ = fmt::format("{}{}{}: {}", path_, dot, name, what);
  }
  Result<void> ok() const {
    if (!error_.empty()) return invalid_argument("{}", error_);
    return {};
  }
  std::string more() const { return left_.dump(); }

 private:
  Json take(const char* name) {
    const auto it = left_.find(name);
    if (it == left_.end()) return nullptr;
    Json value = std::move(*it);
    left_.erase(it);
    return value;
  }

  std::string path_;
  std::string error_;
  Json left_ = Json::object();
};

Result<StoredPart> read_part(const Json& json, const std::string& path) {
  Fields fields(json, path);
  StoredPart part;
  part.kind = fields.text("kind");
  part.name = fields.text("name");
  part.sha256 = fields.text("sha256");
  part.more = fields.more();
  GLMV_RETURN_IF_ERROR(fields.ok());
  return part;
}

Result<StoredMessage> read_message(const Json& json, const std::string& path) {
  Fields fields(json, path);
  StoredMessage message;
  message.id = fields.id("id");
  fields.drop("conv");  // the conversation that holds it
  message.parent = fields.id_or_null("parent");
  message.role = fields.text("role");
  message.text = fields.text("text");
  message.think = fields.text("think");
  message.status = fields.text("status", "done");
  message.created_ms = fields.time_ms("created");
  const Json stats = fields.object("stats");
  const Json parts = fields.list("parts", kMaxParts);
  GLMV_RETURN_IF_ERROR(fields.ok());
  if (stats.contains("finish") && stats["finish"].is_string()) message.finish = stats["finish"];
  message.stats = stats.dump();
  for (size_t i = 0; i < parts.size(); ++i) {
    GLMV_ASSIGN(StoredPart part, read_part(parts[i], fmt::format("{}.parts[{}]", path, i)));
    message.parts.push_back(std::move(part));
  }
  message.more = fields.more();
  return message;
}

// The texts were made by dump(): they are objects.
Json with(const std::string& more, Json json) {
  Json rest = Json::parse(more, nullptr, false);
  if (rest.is_object()) json.update(rest);
  return json;
}

Json text_or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Json message_json(const StoredMessage& message, const std::string& conversation) {
  Json parts = Json::array();
  for (const StoredPart& part : message.parts) {
    parts.push_back(
        with(part.more, {{"kind", part.kind}, {"name", part.name}, {"sha256", part.sha256}}));
  }
  return with(message.more, {{"id", message.id},
                             {"conv", conversation},
                             {"parent", text_or_null(message.parent)},
                             {"role", message.role},
                             {"text", message.text},
                             {"think", message.think},
                             {"parts", std::move(parts)},
                             {"status", message.status},
                             {"stats", Json::parse(message.stats, nullptr, false)},
                             {"created", message.created_ms}});
}

}  // namespace

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, is_id_char);
}

Result<StoredConversation> read_conversation(const Json& body, std::string_view id) {
  Fields all(body, "");
  Fields fields(all.object("conv"), "conv");
  const Json messages = all.list("msgs", kMaxMessages);
  GLMV_RETURN_IF_ERROR(all.ok());
  StoredConversation conversation;
  conversation.id = fields.id("id");
  if (conversation.id != id) {
    fields.fail("id", fmt::format("must be that of the address, \"{}\"", id));
  }
  conversation.title = fields.text("title");
  conversation.system = fields.text("system");
  conversation.created_ms = fields.time_ms("created");
  conversation.updated_ms = fields.time_ms("updated");
  conversation.pinned = fields.flag("pinned");
  conversation.leaf = fields.id_or_null("leaf");
  conversation.params = fields.object("params").dump();
  fields.drop("version");  // the store's own
  conversation.more = fields.more();
  GLMV_RETURN_IF_ERROR(fields.ok());
  std::set<std::string> ids;
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string path = fmt::format("msgs[{}]", i);
    GLMV_ASSIGN(StoredMessage message, read_message(messages[i], path));
    if (!ids.insert(message.id).second) {
      return invalid_argument("{}.id: \"{}\" is that of another message too", path, message.id);
    }
    conversation.messages.push_back(std::move(message));
  }
  return conversation;
}

Json conversation_json(const StoredConversation& conversation) {
  Json messages = Json::array();
  for (const StoredMessage& message : conversation.messages) {
    messages.push_back(message_json(message, conversation.id));
  }
  return {{"conv",
           with(conversation.more, {{"id", conversation.id},
                                    {"title", conversation.title},
                                    {"created", conversation.created_ms},
                                    {"updated", conversation.updated_ms},
                                    {"pinned", conversation.pinned},
                                    {"leaf", text_or_null(conversation.leaf)},
                                    {"params", Json::parse(conversation.params, nullptr, false)},
                                    {"system", conversation.system}})},
          {"msgs", std::move(messages)}};
}

}  // namespace glmv::store
