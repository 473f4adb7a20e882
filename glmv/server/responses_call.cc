#include "glmv/server/responses_call.h"

#include "glmv/server/fields.h"
#include "glmv/server/translation.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxItems = 10'000;

// The text of a reasoning item: its content, else its summary.
std::string reasoning_text(const Json& item) {
  std::string text;
  for (const char* name : {"content", "summary"}) {
    const Json* parts = find(item, name);
    if (parts == nullptr || !parts->is_array() || !text.empty()) continue;
    for (const Json& part : *parts) {
      if (part.is_object() && part.contains("text") && part["text"].is_string()) {
        text += part["text"].get<std::string>();
      }
    }
  }
  return text;
}

ApiResult<void> add_item(const Json& item, const std::string& path, MessageList& list) {
  if (!item.is_object()) return bad_field(path, "must be an object");
  const std::string type = item.value("type", Json("message")).is_string()
                               ? item.value("type", std::string("message"))
                               : std::string();
  if (type == "message") {
    Json message = item;
    message.erase("type");
    list.add(std::move(message));
    return {};
  }
  if (type == "reasoning") {
    list.think(reasoning_text(item));
    return {};
  }
  if (type == "function_call") {
    for (const char* name : {"name", "call_id"}) {
      const Json* value = find(item, name);
      if (value == nullptr) return bad_field(path + "." + name, "is missing");
    }
    list.call(
        {{"id", item["call_id"]},
         {"type", "function"},
         {"function", {{"name", item["name"]}, {"arguments", item.value("arguments", Json())}}}});
    return {};
  }
  if (type == "function_call_output") {
    const Json* output = find(item, "output");
    if (output == nullptr) return bad_field(path + ".output", "is missing");
    list.add(
        {{"role", "tool"}, {"tool_call_id", item.value("call_id", Json())}, {"content", *output}});
    return {};
  }
  return bad_field(path + ".type",
                   fmt::format("\"{}\" is not one of message, reasoning, "
                               "function_call, function_call_output",
                               type),
                   "unsupported_value");
}

ApiResult<void> refuse_state(const Json& body) {
  for (const char* name : {"previous_response_id", "conversation", "prompt"}) {
    if (find(body, name) != nullptr) {
      return bad_field(name,
                       "needs stored responses, and this server keeps none: send the whole "
                       "conversation as input",
                       "unsupported_parameter");
    }
  }
  const Json* background = find(body, "background");
  if (background != nullptr && *background == true) {
    return bad_field("background", "needs stored responses, and this server keeps none",
                     "unsupported_parameter");
  }
  return {};
}

// {"type": "function", "name": ...} -> {"type": "function", "function": {"name": ...}}
Json nested_function(const Json& flat) {
  if (!flat.is_object() || !flat.contains("name")) return flat;
  Json function = flat;
  function.erase("type");
  return {{"type", flat.value("type", Json("function"))}, {"function", std::move(function)}};
}

void translate_tools(const Json& body, Json& chat) {
  if (const Json* tools = find(body, "tools"); tools != nullptr && tools->is_array()) {
    chat["tools"] = Json::array();
    for (const Json& tool : *tools) {
      if (tool.is_object() && tool.contains("type") && tool["type"] != "function") {
        chat["tools"].push_back({{"type", tool["type"]}, {"function", {{"name", "builtin"}}}});
      } else {
        chat["tools"].push_back(nested_function(tool));
      }
    }
  }
  const Json* choice = find(body, "tool_choice");
  if (choice == nullptr || !choice->is_object()) return;
  if (choice->value("type", Json()) == "allowed_tools") {
    Json allowed = {{"mode", choice->value("mode", Json("auto"))}, {"tools", Json::array()}};
    for (const Json& tool : choice->value("tools", Json::array())) {
      allowed["tools"].push_back(nested_function(tool));
    }
    chat["tool_choice"] = {{"type", "allowed_tools"}, {"allowed_tools", std::move(allowed)}};
  } else {
    chat["tool_choice"] = nested_function(*choice);
  }
}

ApiResult<void> translate_text(const Json& body, Json& chat) {
  const Json* text = find(body, "text");
  if (text == nullptr) return {};
  if (!text->is_object()) return bad_field("text", "must be an object");
  const Json* format = find(*text, "format");
  if (format == nullptr) return {};
  if (!format->is_object()) return bad_field("text.format", "must be an object");
  if (format->value("type", Json()) == "json_schema") {
    Json schema = *format;
    schema.erase("type");
    chat["response_format"] = {{"type", "json_schema"}, {"json_schema", std::move(schema)}};
  } else {
    chat["response_format"] = *format;
  }
  return {};
}

}  // namespace

ApiResult<ChatCall> parse_responses_call(const Json& body, const CallRules& rules) {
  GLMV_RETURN_IF_ERROR(refuse_state(body));
  MessageList list;
  if (const Json* instructions = find(body, "instructions"); instructions != nullptr) {
    GLMV_ASSIGN(const std::string text, string(*instructions, "instructions"));
    list.from("instructions");
    list.add({{"role", "system"}, {"content", text}});
  }
  const Json* input = find(body, "input");
  if (input == nullptr) return bad_field("input", "is missing");
  if (input->is_string()) {
    list.from("input");
    list.add({{"role", "user"}, {"content", *input}});
  } else if (!input->is_array() || input->empty() || input->size() > kMaxItems) {
    return bad_field("input",
                     fmt::format("must be a string or a list of 1 to {} items", kMaxItems));
  } else {
    for (size_t i = 0; i < input->size(); ++i) {
      const std::string path = fmt::format("input[{}]", i);
      list.from(path);
      GLMV_RETURN_IF_ERROR(add_item((*input)[i], path, list));
    }
  }
  Json chat = body;
  for (const char* name : {"input", "instructions", "text", "tools", "stream_options"})
    chat.erase(name);
  chat["messages"] = list.messages();
  if (const Json* tokens = find(body, "max_output_tokens"); tokens != nullptr) {
    chat["max_completion_tokens"] = *tokens;
  }
  const Json* reasoning = find(body, "reasoning");
  if (reasoning != nullptr && reasoning->is_object() && find(*reasoning, "effort") != nullptr) {
    chat["reasoning_effort"] = (*reasoning)["effort"];
  }
  translate_tools(body, chat);
  GLMV_RETURN_IF_ERROR(translate_text(body, chat));
  chat.erase("n");
  chat.erase("top_logprobs");
  auto call = parse_chat_call(std::move(chat), rules);
  if (!call) {
    return std::unexpected(list.in_source_terms(std::move(call).error(),
                                                {{"max_completion_tokens", "max_output_tokens"},
                                                 {"response_format", "text.format"},
                                                 {"reasoning_effort", "reasoning.effort"}}));
  }
  return call;
}

}  // namespace glmv::server
