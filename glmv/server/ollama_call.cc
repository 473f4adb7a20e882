#include "glmv/server/ollama_call.h"

#include "glmv/server/fields.h"
#include "glmv/server/translation.h"

namespace glmv::server {
namespace {

// Pictures come as bare base64; what they are is seen in the bytes.
constexpr std::string_view kPictureHead = "data:image/*;base64,";

ApiResult<Json> content_with_images(const Json& owner, const char* text_name,
                                    const std::string& path) {
  Json text = "";
  if (const Json* given = find(owner, text_name); given != nullptr) {
    GLMV_ASSIGN(text, string(*given, path + text_name));
  }
  const Json* images = find(owner, "images");
  if (images == nullptr || images->empty()) return text;
  if (!images->is_array()) return bad_field(path + "images", "must be a list of base64 strings");
  Json content = Json::array();
  for (size_t i = 0; i < images->size(); ++i) {
    GLMV_ASSIGN(const std::string data, string((*images)[i], fmt::format("{}images[{}]", path, i)));
    content.push_back(
        {{"type", "image_url"}, {"image_url", {{"url", std::string(kPictureHead) + data}}}});
  }
  content.push_back({{"type", "text"}, {"text", std::move(text)}});
  return content;
}

ApiResult<void> add_message(const Json& message, const std::string& path, MessageList& list) {
  if (!message.is_object()) return bad_field(path, "must be an object");
  GLMV_ASSIGN(Json content, content_with_images(message, "content", path + "."));
  Json out = {{"role", message.value("role", Json())}, {"content", std::move(content)}};
  if (const Json* thinking = find(message, "thinking"); thinking != nullptr) {
    out["reasoning_content"] = *thinking;
  }
  if (const Json* calls = find(message, "tool_calls"); calls != nullptr) out["tool_calls"] = *calls;
  list.add(std::move(out));
  return {};
}

struct Option {
  const char* name;
  const char* chat_name;
};
constexpr Option kOptions[] = {{"num_predict", "max_tokens"},
                               {"temperature", "temperature"},
                               {"top_k", "top_k"},
                               {"top_p", "top_p"},
                               {"min_p", "min_p"},
                               {"seed", "seed"},
                               {"stop", "stop"},
                               {"repeat_penalty", "repetition_penalty"},
                               {"presence_penalty", "presence_penalty"},
                               {"frequency_penalty", "frequency_penalty"}};

// Options, format, think and stream: everything beside the prompt.
ApiResult<Json> common_fields(const Json& body) {
  Json chat = Json::object();
  if (const Json* model = find(body, "model"); model != nullptr) {
    GLMV_ASSIGN(std::string name, string(*model, "model"));
    constexpr std::string_view kLatest = ":latest";
    if (name.ends_with(kLatest)) name.resize(name.size() - kLatest.size());
    chat["model"] = std::move(name);
  }
  const Json* options = find(body, "options");
  if (options != nullptr && !options->is_object()) return bad_field("options", "must be an object");
  for (const Option& option : kOptions) {
    const Json* value = options == nullptr ? nullptr : find(*options, option.name);
    // Numbers below 1 mean "as many as there is room for".
    const bool no_limit = value != nullptr && option.chat_name == std::string_view("max_tokens") &&
                          value->is_number() && value->get<double>() < 1;
    if (value != nullptr && !no_limit) chat[option.chat_name] = *value;
  }
  if (const Json* format = find(body, "format"); format != nullptr && *format != "") {
    if (*format == "json") {
      chat["response_format"] = {{"type", "json_object"}};
    } else if (format->is_object()) {
      chat["response_format"] = {{"type", "json_schema"},
                                 {"json_schema", {{"name", "format"}, {"schema", *format}}}};
    } else {
      return bad_field("format", "must be \"json\" or a JSON schema");
    }
  }
  if (const Json* think = find(body, "think"); think != nullptr) {
    if (!think->is_boolean() && !think->is_string())
      return bad_field("think", "must be true, false or a level");
    chat[think->is_boolean() ? "enable_thinking" : "reasoning_effort"] = *think;
  }
  GLMV_ASSIGN(chat["stream"], boolean(body, "stream", true));
  for (const char* name : {"tools", "tool_choice"}) {
    if (const Json* value = find(body, name); value != nullptr) chat[name] = *value;
  }
  return chat;
}

ApiResult<ChatCall> parsed(Json chat, MessageList& list, const CallRules& rules) {
  chat["messages"] = list.messages();
  auto call = parse_chat_call(std::move(chat), rules);
  if (call) return call;
  std::vector<std::pair<std::string, std::string>> names;
  for (const Option& option : kOptions) {
    names.emplace_back(option.chat_name, std::string("options.") + option.name);
  }
  names.emplace_back("response_format", "format");
  return std::unexpected(list.in_source_terms(std::move(call).error(), names));
}

}  // namespace

ApiResult<ChatCall> parse_ollama_chat(const Json& body, const CallRules& rules) {
  GLMV_ASSIGN(Json chat, common_fields(body));
  const Json* messages = find(body, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    return bad_field("messages", "must be a list of at least one message");
  }
  MessageList list;
  for (size_t i = 0; i < messages->size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    list.from(path);
    GLMV_RETURN_IF_ERROR(add_message((*messages)[i], path, list));
  }
  return parsed(std::move(chat), list, rules);
}

ApiResult<ChatCall> parse_ollama_generate(const Json& body, const CallRules& rules) {
  GLMV_ASSIGN(Json chat, common_fields(body));
  if (const Json* suffix = find(body, "suffix"); suffix != nullptr && *suffix != "") {
    return bad_field("suffix", "is not supported by this model", "unsupported_parameter");
  }
  GLMV_ASSIGN(const bool raw, boolean(body, "raw", false));
  MessageList list;
  if (const Json* system = find(body, "system"); system != nullptr && *system != "") {
    list.from("system");
    list.add({{"role", "system"}, {"content", *system}});
  }
  list.from("prompt");
  GLMV_ASSIGN(Json content, content_with_images(body, "prompt", ""));
  list.add({{"role", "user"}, {"content", content}});
  GLMV_ASSIGN(ChatCall call, parsed(std::move(chat), list, rules));
  if (raw) {
    if (!content.is_string()) return bad_field("images", "raw prompts have no pictures");
    call.request.messages.clear();
    call.request.raw_prompt = api::RawPrompt{content.get<std::string>(), {}};
    call.request.raw_output = true;
  }
  return call;
}

}  // namespace glmv::server
