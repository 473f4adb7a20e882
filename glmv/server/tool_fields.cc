#include "glmv/server/tool_fields.h"

#include <algorithm>

#include "glmv/server/fields.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxTools = 1024;
constexpr size_t kMaxNameBytes = 64;

ApiResult<std::string> function_name(const Json& tool, const std::string& path) {
  const Json* function = tool.is_object() ? find(tool, "function") : nullptr;
  if (function == nullptr || !function->is_object()) {
    return bad_field(path, "must be {\"type\": \"function\", \"function\": {\"name\": ...}}");
  }
  const Json* name = find(*function, "name");
  if (name == nullptr) return bad_field(path + ".function.name", "is missing");
  return string(*name, path + ".function.name");
}

ApiResult<void> check_tool(const Json& tool, const std::string& path) {
  GLMV_ASSIGN(const std::string name, function_name(tool, path));
  if (tool.value("type", Json("function")) != "function") {
    return bad_field(path + ".type", "must be \"function\"", "unsupported_value");
  }
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (name.empty() || name.size() > kMaxNameBytes || !std::ranges::all_of(name, allowed)) {
    return bad_field(path + ".function.name",
                     "must have 1 to 64 characters out of a-z, A-Z, 0-9, _ and -");
  }
  const Json* strict = find(tool["function"], "strict");
  if (strict != nullptr && !strict->is_boolean()) {
    return bad_field(path + ".function.strict", "must be true or false");
  }
  const Json* parameters = find(tool["function"], "parameters");
  if (parameters != nullptr && !parameters->is_object()) {
    return bad_field(path + ".function.parameters", "must be a JSON schema, an object");
  }
  return {};
}

bool is_declared(const Json& tools, const std::string& name) {
  return std::ranges::any_of(tools,
                             [&](const Json& tool) { return tool["function"]["name"] == name; });
}

ApiResult<void> keep_allowed(const Json& allowed, api::ChatRequest& request) {
  const std::string path = "tool_choice.allowed_tools";
  const Json* list = allowed.is_object() ? find(allowed, "tools") : nullptr;
  const Json* mode = allowed.is_object() ? find(allowed, "mode") : nullptr;
  if (list == nullptr || !list->is_array() || list->empty()) {
    return bad_field(path + ".tools", "must be a list of functions");
  }
  if (mode != nullptr && *mode != "auto" && *mode != "required") {
    return bad_field(path + ".mode", "must be \"auto\" or \"required\"");
  }
  Json kept = Json::array();
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string here = fmt::format("{}.tools[{}]", path, i);
    GLMV_ASSIGN(const std::string name, function_name((*list)[i], here));
    if (!is_declared(request.tools, name)) {
      return bad_field(here, fmt::format("\"{}\" is not one of the tools", name));
    }
    for (const Json& tool : request.tools) {
      if (tool["function"]["name"] == name) kept.push_back(tool);
    }
  }
  request.tools = std::move(kept);
  const bool required = mode != nullptr && *mode == "required";
  request.tool_choice = required ? api::ToolChoice::kRequired : api::ToolChoice::kAuto;
  return {};
}

ApiResult<void> read_choice(const Json& choice, api::ChatRequest& request) {
  if (choice == "none" || choice == "auto") {
    request.tool_choice = choice == "none" ? api::ToolChoice::kNone : api::ToolChoice::kAuto;
    return {};
  }
  const bool known = choice == "required" ||
                     (choice.is_object() && (choice.value("type", Json()) == "function" ||
                                             choice.value("type", Json()) == "allowed_tools"));
  if (!known) {
    return bad_field("tool_choice",
                     "must be \"none\", \"auto\", \"required\", a function or allowed_tools");
  }
  if (request.tools.is_null()) return bad_field("tool_choice", "needs \"tools\"");
  if (choice == "required") {
    request.tool_choice = api::ToolChoice::kRequired;
    return {};
  }
  if (choice["type"] == "allowed_tools") {
    return keep_allowed(choice.value("allowed_tools", Json()), request);
  }
  GLMV_ASSIGN(request.tool_name, function_name(choice, "tool_choice"));
  if (!is_declared(request.tools, request.tool_name)) {
    return bad_field("tool_choice",
                     fmt::format("\"{}\" is not one of the tools", request.tool_name));
  }
  request.tool_choice = api::ToolChoice::kNamed;
  return {};
}

}  // namespace

ApiResult<void> read_tools(const Json& body, api::ChatRequest& request) {
  if (const Json* tools = find(body, "tools"); tools != nullptr) {
    if (!tools->is_array() || tools->size() > kMaxTools) {
      return bad_field("tools", fmt::format("must be a list of at most {} functions", kMaxTools));
    }
    for (size_t i = 0; i < tools->size(); ++i) {
      GLMV_RETURN_IF_ERROR(check_tool((*tools)[i], fmt::format("tools[{}]", i)));
    }
    if (!tools->empty()) request.tools = *tools;
  }
  GLMV_ASSIGN(request.parallel_tool_calls, boolean(body, "parallel_tool_calls", true));
  const Json* choice = find(body, "tool_choice");
  return choice == nullptr ? ApiResult<void>() : read_choice(*choice, request);
}

}  // namespace glmv::server
