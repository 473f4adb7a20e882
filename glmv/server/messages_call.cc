#include "glmv/server/messages_call.h"

#include "glmv/media/source.h"
#include "glmv/processing/document_plan.h"
#include "glmv/server/fields.h"
#include "glmv/server/translation.h"

namespace glmv::server {
namespace {

ApiResult<std::string> text_field(const Json& block, const char* name, const std::string& path) {
  const Json* value = find(block, name);
  if (value == nullptr) return bad_field(path + "." + name, "is missing");
  return string(*value, path + "." + name);
}

ApiResult<Json> image_part(const Json& block, const std::string& path) {
  const Json* source = find(block, "source");
  if (source == nullptr || !source->is_object()) return bad_field(path + ".source", "is missing");
  const std::string here = path + ".source";
  GLMV_ASSIGN(const std::string type, text_field(*source, "type", here));
  if (type == "url") {
    GLMV_ASSIGN(const std::string url, text_field(*source, "url", here));
    return Json{{"type", "image_url"}, {"image_url", {{"url", url}}}};
  }
  if (type != "base64")
    return bad_field(here + ".type", "must be \"base64\" or \"url\"", "unsupported_value");
  GLMV_ASSIGN(const std::string media_type, text_field(*source, "media_type", here));
  GLMV_ASSIGN(const std::string data, text_field(*source, "data", here));
  return Json{{"type", "image_url"},
              {"image_url", {{"url", fmt::format("data:{};base64,{}", media_type, data)}}}};
}

// The blocks of one message, sorted into what OpenAI's form keeps apart.
struct Parts {
  Json content = Json::array();
  std::string thought;
  Json calls = Json::array();
  Json results = Json::array();  // tool messages
};

ApiResult<void> add_block(const Json& block, const std::string& path, Parts& parts);

// PDF files, slides and text. What is text already goes the way of text files.
ApiResult<void> add_document(const Json& block, const std::string& path, Parts& parts) {
  const Json* source = find(block, "source");
  if (source == nullptr || !source->is_object()) return bad_field(path + ".source", "is missing");
  const std::string here = path + ".source";
  std::string title;
  if (find(block, "title") != nullptr) {
    GLMV_ASSIGN(title, text_field(block, "title", path));
  }
  if (find(block, "context") != nullptr) {
    GLMV_ASSIGN(const std::string context, text_field(block, "context", path));
    parts.content.push_back({{"type", "text"}, {"text", context + "\n"}});
  }
  GLMV_ASSIGN(const std::string type, text_field(*source, "type", here));
  Json part = {{"type", "file"}, {"file", {{"filename", title}}}};
  for (const char* name : {"pages", "dpi"}) {
    if (const Json* option = find(block, name); option != nullptr) part[name] = *option;
  }
  if (type == "text") {
    GLMV_ASSIGN(const std::string text, text_field(*source, "data", here));
    const text::ContentPart fenced = processing::text_file_part(media::short_name(title), text);
    parts.content.push_back({{"type", "text"}, {"text", fenced.text}});
    return {};
  }
  if (type == "content") {
    const Json* content = find(*source, "content");
    if (content != nullptr && content->is_string()) {
      parts.content.push_back({{"type", "text"}, {"text", *content}});
      return {};
    }
    if (content == nullptr || !content->is_array()) {
      return bad_field(here + ".content", "must be a string or a list of blocks");
    }
    for (size_t i = 0; i < content->size(); ++i) {
      const Json& inner = (*content)[i];
      const std::string inside = fmt::format("{}.content[{}]", here, i);
      const bool plain = inner.is_object() && (inner.value("type", Json()) == "text" ||
                                               inner.value("type", Json()) == "image");
      if (!plain) return bad_field(inside, "must be a text or image block", "unsupported_value");
      GLMV_RETURN_IF_ERROR(add_block(inner, inside, parts));
    }
    return {};
  }
  if (type == "base64") {
    GLMV_ASSIGN(const std::string media_type, text_field(*source, "media_type", here));
    GLMV_ASSIGN(const std::string data, text_field(*source, "data", here));
    part["file"]["file_data"] = fmt::format("data:{};base64,{}", media_type, data);
  } else if (type == "url") {
    GLMV_ASSIGN(part["file"]["file_url"], text_field(*source, "url", here));
  } else if (type == "file") {
    GLMV_ASSIGN(part["file"]["file_id"], text_field(*source, "file_id", here));
  } else {
    return bad_field(here + ".type", "must be one of base64, url, text, content, file",
                     "unsupported_value");
  }
  parts.content.push_back(std::move(part));
  return {};
}

ApiResult<Json> result_content(const Json& block, const std::string& path) {
  const Json* content = find(block, "content");
  if (content == nullptr) return Json("");
  if (content->is_string()) return *content;
  if (!content->is_array())
    return bad_field(path + ".content", "must be a string or a list of blocks");
  Parts inner;
  for (size_t i = 0; i < content->size(); ++i) {
    GLMV_RETURN_IF_ERROR(add_block((*content)[i], fmt::format("{}.content[{}]", path, i), inner));
  }
  return inner.content;
}

ApiResult<void> add_block(const Json& block, const std::string& path, Parts& parts) {
  if (!block.is_object()) return bad_field(path, "must be an object");
  GLMV_ASSIGN(const std::string type, text_field(block, "type", path));
  if (type == "text") {
    GLMV_ASSIGN(const std::string text, text_field(block, "text", path));
    parts.content.push_back({{"type", "text"}, {"text", text}});
  } else if (type == "image") {
    GLMV_ASSIGN(Json part, image_part(block, path));
    parts.content.push_back(std::move(part));
  } else if (type == "document") {
    GLMV_RETURN_IF_ERROR(add_document(block, path, parts));
  } else if (type == "thinking") {
    GLMV_ASSIGN(const std::string thought, text_field(block, "thinking", path));
    parts.thought += thought;
  } else if (type == "redacted_thinking") {
    // Nothing that this model could read.
  } else if (type == "tool_use") {
    GLMV_ASSIGN(const std::string name, text_field(block, "name", path));
    GLMV_ASSIGN(const std::string id, text_field(block, "id", path));
    parts.calls.push_back(
        {{"id", id},
         {"type", "function"},
         {"function", {{"name", name}, {"arguments", block.value("input", Json())}}}});
  } else if (type == "tool_result") {
    GLMV_ASSIGN(const std::string id, text_field(block, "tool_use_id", path));
    GLMV_ASSIGN(Json content, result_content(block, path));
    parts.results.push_back(
        {{"role", "tool"}, {"tool_call_id", id}, {"content", std::move(content)}});
  } else {
    return bad_field(
        path + ".type",
        fmt::format("\"{}\" is not one of text, image, document, tool_use, tool_result, thinking",
                    type),
        "unsupported_value");
  }
  return {};
}

ApiResult<void> add_message(const Json& message, const std::string& path, MessageList& list) {
  if (!message.is_object()) return bad_field(path, "must be an object");
  GLMV_ASSIGN(const std::string role, text_field(message, "role", path));
  if (role != "user" && role != "assistant") {
    return bad_field(path + ".role", "must be \"user\" or \"assistant\"");
  }
  const Json* content = find(message, "content");
  if (content == nullptr) return bad_field(path + ".content", "is missing");
  if (content->is_string()) {
    list.add({{"role", role}, {"content", *content}});
    return {};
  }
  if (!content->is_array())
    return bad_field(path + ".content", "must be a string or a list of blocks");
  Parts parts;
  for (size_t i = 0; i < content->size(); ++i) {
    GLMV_RETURN_IF_ERROR(add_block((*content)[i], fmt::format("{}.content[{}]", path, i), parts));
  }
  for (Json& result : parts.results) list.add(std::move(result));
  if (parts.content.empty() && parts.calls.empty() && !parts.results.empty()) return {};
  Json out = {{"role", role}, {"content", std::move(parts.content)}};
  if (role == "assistant" && !parts.thought.empty()) out["reasoning_content"] = parts.thought;
  if (!parts.calls.empty()) out["tool_calls"] = std::move(parts.calls);
  list.add(std::move(out));
  return {};
}

ApiResult<void> add_system(const Json& system, MessageList& list) {
  list.from("system");
  Json content = system;
  if (system.is_array()) {
    content = "";
    for (size_t i = 0; i < system.size(); ++i) {
      const std::string path = fmt::format("system[{}]", i);
      if (!system[i].is_object()) return bad_field(path, "must be a text block");
      GLMV_ASSIGN(const std::string text, text_field(system[i], "text", path));
      content = content.get<std::string>() + text;
    }
  }
  list.add({{"role", "system"}, {"content", std::move(content)}});
  return {};
}

ApiResult<void> translate_tools(const Json& body, Json& chat) {
  if (const Json* tools = find(body, "tools"); tools != nullptr) {
    if (!tools->is_array()) return bad_field("tools", "must be a list");
    chat["tools"] = Json::array();
    for (size_t i = 0; i < tools->size(); ++i) {
      const Json& tool = (*tools)[i];
      const std::string path = fmt::format("tools[{}]", i);
      if (!tool.is_object()) return bad_field(path, "must be an object");
      if (const Json* type = find(tool, "type"); type != nullptr && *type != "custom") {
        return bad_field(path + ".type", "tools of the server are not offered here",
                         "unsupported_value");
      }
      Json function = {{"name", tool.value("name", Json())}};
      if (find(tool, "description") != nullptr) function["description"] = tool["description"];
      if (find(tool, "input_schema") != nullptr) function["parameters"] = tool["input_schema"];
      if (find(tool, "strict") != nullptr) function["strict"] = tool["strict"];
      chat["tools"].push_back({{"type", "function"}, {"function", std::move(function)}});
    }
  }
  const Json* choice = find(body, "tool_choice");
  if (choice == nullptr) return {};
  const Json type = choice->is_object() ? choice->value("type", Json()) : Json();
  if (type == "any") {
    chat["tool_choice"] = "required";
  } else if (type == "tool") {
    chat["tool_choice"] = {{"type", "function"},
                           {"function", {{"name", choice->value("name", Json())}}}};
  } else if (type == "auto" || type == "none") {
    chat["tool_choice"] = type;
  } else {
    return bad_field("tool_choice.type", "must be one of auto, any, tool, none");
  }
  GLMV_ASSIGN(const bool single, boolean(*choice, "disable_parallel_tool_use", false));
  chat["parallel_tool_calls"] = !single;
  return {};
}

ApiResult<void> translate_thinking(const Json& body, Json& chat) {
  chat["include_reasoning"] = false;
  const Json* thinking = find(body, "thinking");
  if (thinking == nullptr) return {};
  const Json type = thinking->is_object() ? thinking->value("type", Json()) : Json();
  if (type != "enabled" && type != "disabled" && type != "adaptive") {
    return bad_field("thinking.type", "must be one of enabled, adaptive, disabled");
  }
  if (type == "disabled") {
    chat["thinking"] = {{"type", "disabled"}};
    return {};
  }
  chat["thinking"] = {{"type", "enabled"}};
  chat["include_reasoning"] = true;
  if (const Json* budget = find(*thinking, "budget_tokens"); budget != nullptr) {
    chat["thinking_token_budget"] = *budget;
  }
  return {};
}

}  // namespace

ApiResult<ChatCall> parse_messages_call(const Json& body, bool needs_max_tokens,
                                        const CallRules& rules) {
  if (needs_max_tokens && find(body, "max_tokens") == nullptr) {
    return bad_field("max_tokens", "is missing");
  }
  MessageList list;
  if (const Json* system = find(body, "system"); system != nullptr) {
    GLMV_RETURN_IF_ERROR(add_system(*system, list));
  }
  const Json* messages = find(body, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    return bad_field("messages", "must be a list of at least one message");
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    list.from(path);
    GLMV_RETURN_IF_ERROR(add_message((*messages)[i], path, list));
  }
  Json chat = {{"messages", list.messages()}};
  for (const char* name : {"model", "max_tokens", "temperature", "top_p", "top_k", "stream",
                           "priority", "cache_salt", "seed", "min_p", "chat_template_kwargs"}) {
    if (const Json* value = find(body, name); value != nullptr) chat[name] = *value;
  }
  if (const Json* stops = find(body, "stop_sequences"); stops != nullptr) chat["stop"] = *stops;
  GLMV_RETURN_IF_ERROR(translate_tools(body, chat));
  GLMV_RETURN_IF_ERROR(translate_thinking(body, chat));
  auto call = parse_chat_call(std::move(chat), rules);
  if (!call) {
    return std::unexpected(
        list.in_source_terms(std::move(call).error(), {{"stop", "stop_sequences"}}));
  }
  return call;
}

}  // namespace glmv::server
