#include "glmv/api/wire_request.h"

#include "glmv/base/utf8.h"

namespace glmv::api {
namespace {

// Templates of ours want arguments as objects, the wire as text.
Json tool_calls(const Json& calls) {
  Json out = calls;
  for (Json& call : out) {
    if (!call.contains("type")) call["type"] = "function";
    Json& function = call.contains("function") ? call["function"] : call;
    if (function.contains("arguments") && !function["arguments"].is_string()) {
      function["arguments"] = function["arguments"].dump();
    }
  }
  return out;
}

Result<Json> content(const text::Message& message, const std::string& path, ServerKind kind,
                     size_t max_media_bytes, WireMedia& media) {
  bool all_text = true;
  for (const text::ContentPart& part : message.content) {
    all_text = all_text && part.kind == text::PartKind::kText;
  }
  if (all_text) return Json(message.text());
  Json list = Json::array();
  for (size_t i = 0; i < message.content.size(); ++i) {
    const text::ContentPart& part = message.content[i];
    if (part.kind == text::PartKind::kText) {
      list.push_back({{"type", "text"}, {"text", part.text}});
      continue;
    }
    GLMV_ASSIGN(Json json, wire_media(part, kind, max_media_bytes,
                                      fmt::format("{}.content[{}]", path, i), media));
    list.push_back(std::move(json));
  }
  return list;
}

Result<Json> messages(const ChatRequest& request, ServerKind kind, size_t max_media_bytes,
                      WireMedia& media) {
  Json list = Json::array();
  for (size_t i = 0; i < request.messages.size(); ++i) {
    const text::Message& message = request.messages[i];
    const std::string path = fmt::format("messages[{}]", i);
    Json row = {{"role", message.role}};
    GLMV_ASSIGN(row["content"], content(message, path, kind, max_media_bytes, media));
    if (message.reasoning_content) row["reasoning_content"] = *message.reasoning_content;
    if (!message.tool_calls.is_null()) row["tool_calls"] = tool_calls(message.tool_calls);
    if (!message.tool_call_id.empty()) row["tool_call_id"] = message.tool_call_id;
    list.push_back(std::move(row));
  }
  return list;
}

void add_sampling(const ChatRequest& request, Json& body) {
  if (request.temperature) body["temperature"] = *request.temperature;
  if (request.top_p) body["top_p"] = *request.top_p;
  if (request.top_k) body["top_k"] = *request.top_k == 0 ? -1 : *request.top_k;
  if (request.min_p) body["min_p"] = *request.min_p;
  if (request.repetition_penalty) body["repetition_penalty"] = *request.repetition_penalty;
  if (request.presence_penalty != 0) body["presence_penalty"] = request.presence_penalty;
  if (request.frequency_penalty != 0) body["frequency_penalty"] = request.frequency_penalty;
  for (const auto& [id, bias] : request.logit_bias) body["logit_bias"][std::to_string(id)] = bias;
  if (request.seed) body["seed"] = static_cast<int64_t>(*request.seed);
  if (request.max_tokens) body["max_tokens"] = *request.max_tokens;
  if (request.min_tokens > 0) body["min_tokens"] = request.min_tokens;
  if (!request.stop.empty()) body["stop"] = request.stop;
  if (!request.stop_token_ids.empty()) body["stop_token_ids"] = request.stop_token_ids;
  if (request.ignore_eos) body["ignore_eos"] = true;
  if (request.include_stop_string) body["include_stop_str_in_output"] = true;
  if (request.priority != 0) body["priority"] = request.priority;
  if (!request.cache_salt.empty()) body["cache_salt"] = request.cache_salt;
  if (request.logprobs) {
    body["logprobs"] = true;
    body["top_logprobs"] = request.top_logprobs;
  }
  if (request.max_pixels > 0) body["mm_processor_kwargs"]["max_pixels"] = request.max_pixels;
}

void add_thinking(const ChatRequest& request, ServerKind kind, Json& body) {
  if (request.template_kwargs.is_object() && !request.template_kwargs.empty()) {
    body["chat_template_kwargs"] = request.template_kwargs;
  }
  if (request.thinking != Thinking::kAuto) {
    const bool on = request.thinking == Thinking::kOn;
    body["chat_template_kwargs"]["enable_thinking"] = on;
    // Hosted GLM models know this one.
    if (kind == ServerKind::kOther) body["thinking"] = {{"type", on ? "enabled" : "disabled"}};
  }
  if (request.thinking_budget >= 0) body["thinking_token_budget"] = request.thinking_budget;
}

void add_tools(const ChatRequest& request, Json& body) {
  if (request.tools.is_null() || request.tools.empty()) return;
  body["tools"] = request.tools;
  if (!request.parallel_tool_calls) body["parallel_tool_calls"] = false;
  switch (request.tool_choice) {
    case ToolChoice::kAuto:
      break;
    case ToolChoice::kNone:
      body["tool_choice"] = "none";
      break;
    case ToolChoice::kRequired:
      body["tool_choice"] = "required";
      break;
    case ToolChoice::kNamed:
      body["tool_choice"] = {{"type", "function"}, {"function", {{"name", request.tool_name}}}};
  }
}

// Every kind of server has its own names for these.
Result<void> add_constraint(const Constraint& constraint, ServerKind kind, Json& body) {
  const auto parsed = [&constraint] { return parse_json(constraint.text, constraint.field); };
  const auto structured = [&](const char* name, Json value) {
    body["structured_outputs"][name] = std::move(value);
    return Result<void>();
  };
  switch (constraint.kind) {
    case ConstraintKind::kJsonObject:
      body["response_format"] = {{"type", "json_object"}};
      return {};
    case ConstraintKind::kJsonSchema: {
      GLMV_ASSIGN(Json schema, parsed());
      body["response_format"] = {
          {"type", "json_schema"},
          {"json_schema", {{"name", "answer"}, {"schema", std::move(schema)}, {"strict", true}}}};
      return {};
    }
    case ConstraintKind::kStructuralTag: {
      GLMV_ASSIGN(Json tag, parsed());
      body["response_format"] = std::move(tag);
      return {};
    }
    case ConstraintKind::kRegex:
      if (kind != ServerKind::kSglang) return structured("regex", constraint.text);
      body["regex"] = constraint.text;
      return {};
    case ConstraintKind::kChoice: {
      if (kind == ServerKind::kSglang || kind == ServerKind::kLlamaCpp) break;
      GLMV_ASSIGN(Json choices, parsed());
      return structured("choice", std::move(choices));
    }
    case ConstraintKind::kEbnf:
      if (kind == ServerKind::kLlamaCpp) break;
      if (kind != ServerKind::kSglang) return structured("grammar", constraint.text);
      body["ebnf"] = constraint.text;
      return {};
    case ConstraintKind::kGbnf:
      if (kind == ServerKind::kSglang) break;
      if (kind == ServerKind::kVllm) return structured("grammar", constraint.text);
      body["grammar"] = constraint.text;
      return {};
  }
  return unsupported("{}: this server has no field for it; a JSON schema may do instead",
                     constraint.field);
}

// Fields of certain servers that make their replies readable for us.
void add_form(const ChatRequest& request, ServerKind kind, Json& body) {
  switch (kind) {
    case ServerKind::kGlmv:
      body["return_progress"] = true;
      body["return_token_ids"] = true;
      if (request.raw_output) {
        body["reasoning_format"] = "none";
      } else {
        body["box_markers"] = "keep";  // boxes are read here
      }
      if (request.detect_repetition) body["detect_repetition"] = true;
      if (request.drop_restated) body["drop_restated"] = true;
      break;
    case ServerKind::kVllm:
      body["return_token_ids"] = true;
      [[fallthrough]];
    case ServerKind::kSglang:
      body["skip_special_tokens"] = false;  // box markers may be some
      break;
    case ServerKind::kLlamaCpp:
      body["return_progress"] = true;
      [[fallthrough]];
    case ServerKind::kOther:
      break;
  }
  if (request.continue_final_message) {
    body["continue_final_message"] = true;
    body["add_generation_prompt"] = false;
  } else if (!request.add_generation_prompt) {
    body["add_generation_prompt"] = false;
  }
}

}  // namespace

Result<Json> wire_request(const ChatRequest& request, const ServerModel& model,
                          size_t max_media_bytes, WireMedia& media) {
  if (request.raw_prompt) {
    return unsupported("a raw prompt cannot be sent to a chat server: send messages");
  }
  if (request.messages.empty()) return invalid_argument("messages: give at least one message");
  if (request.tokens_in_text != text::TokensInText::kMarkers) {
    return unsupported(
        "which special tokens count in the text is the server's decision (glmv serve has "
        "--strict-text): leave --strict-text and --trust-special-tokens out");
  }
  if (request.detect_repetition && model.kind != ServerKind::kGlmv) {
    return unsupported(
        "--detect-repetition is of glmv's own server, and this one is another: leave it out");
  }
  Json body = {{"model", model.name}};
  GLMV_ASSIGN(body["messages"], messages(request, model.kind, max_media_bytes, media));
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  add_sampling(request, body);
  add_thinking(request, model.kind, body);
  add_tools(request, body);
  if (request.constraint) {
    GLMV_RETURN_IF_ERROR(add_constraint(*request.constraint, model.kind, body));
  }
  add_form(request, model.kind, body);
  return body;
}

}  // namespace glmv::api
