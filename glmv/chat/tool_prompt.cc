#include "glmv/chat/tool_prompt.h"

#include <iterator>

#include "glmv/parsers/tool_schema.h"

namespace glmv::chat {
namespace {

constexpr std::string_view kIntroduction =
    "# Tools\n\n"
    "You may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n";
constexpr std::string_view kForm =
    "</tools>\n\n"
    "For each function call, output the function name and arguments within the following XML "
    "format:\n<tool_call>{function-name}\n"
    "<arg_key>{arg-key-1}</arg_key>\n<arg_value>{arg-value-1}</arg_value>\n"
    "<arg_key>{arg-key-2}</arg_key>\n<arg_value>{arg-value-2}</arg_value>\n...\n</tool_call>";

std::string declarations(const Json& tools) {
  std::string text(kIntroduction);
  for (const Json& tool : tools) text += parsers::spaced_json(tool) + "\n";
  return text + std::string(kForm);
}

// As parse_messages leaves calls: their arguments are objects.
std::string call_text(const Json& call) {
  const Json& function = call.contains("function") ? call["function"] : call;
  std::string text = "\n<tool_call>" + function["name"].get<std::string>() + "\n";
  for (const auto& [key, value] : function["arguments"].items()) {
    const std::string shown =
        value.is_string() ? value.get<std::string>() : parsers::spaced_json(value);
    text += "<arg_key>" + key + "</arg_key>\n<arg_value>" + shown + "</arg_value>\n";
  }
  return text + "</tool_call>";
}

text::Message result_message(const text::Message& message) {
  text::Message shown = text::Message::user("<tool_response>\n");
  shown.content_is_string = message.content_is_string;
  std::ranges::copy(message.content, std::back_inserter(shown.content));
  shown.content.push_back({.text = "\n</tool_response>"});
  return shown;
}

}  // namespace

std::vector<text::Message> spell_out_tools(std::span<const text::Message> messages,
                                           const Json& tools) {
  std::vector<text::Message> out;
  if (!tools.empty()) out.push_back(text::Message::system(declarations(tools)));
  for (const text::Message& message : messages) {
    if (message.role == "tool") {
      out.push_back(result_message(message));
      continue;
    }
    out.push_back(message);
    for (const Json& call : message.tool_calls) {
      out.back().content.push_back({.text = call_text(call)});
    }
    out.back().tool_calls = nullptr;
  }
  return out;
}

}  // namespace glmv::chat
