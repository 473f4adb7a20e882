#include "glmv/server/openapi_schemas.h"

namespace glmv::server {
namespace {

// Fields that several bodies have.
constexpr const char kSampling[] = R"({
  "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
  "top_p": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
  "top_k": {"type": ["integer", "null"], "minimum": -1, "maximum": 2147483648},
  "min_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
  "repetition_penalty": {"type": ["number", "null"], "minimum": 0.001, "maximum": 1000},
  "repeat_penalty": {"type": ["number", "null"], "minimum": 0.001, "maximum": 1000},
  "presence_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
  "frequency_penalty": {"type": ["number", "null"], "minimum": -2, "maximum": 2},
  "seed": {"type": ["integer", "null"]},
  "stop": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 1, "maxLength": 256},
    {"type": "array", "maxItems": 16, "items": {"type": "string", "minLength": 1, "maxLength": 256}}]},
  "stop_token_ids": {"type": ["array", "null"], "maxItems": 128, "items": {"type": "integer", "minimum": 0}},
  "include_stop_str_in_output": {"type": ["boolean", "null"]},
  "ignore_eos": {"type": ["boolean", "null"]},
  "min_tokens": {"type": ["integer", "null"], "minimum": 0},
  "max_tokens": {"type": ["integer", "null"], "minimum": 1},
  "logit_bias": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
  "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 16},
  "priority": {"type": ["integer", "null"]},
  "cache_salt": {"type": ["string", "null"], "maxLength": 128},
  "model": {"type": ["string", "null"], "description": "the served name; may be left out"},
  "stream": {"type": ["boolean", "null"]},
  "stream_options": {"type": ["object", "null"], "properties": {"include_usage": {"type": ["boolean", "null"]},
    "continuous_usage_stats": {"type": ["boolean", "null"]}}},
  "detect_repetition": {"type": ["boolean", "null"]},
  "return_token_ids": {"type": ["boolean", "null"]}
})";

constexpr const char kChat[] = R"({
  "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
  "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
  "logprobs": {"type": ["boolean", "null"]},
  "top_logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20},
  "tools": {"type": ["array", "null"], "maxItems": 1024, "items": {"$ref": "#/components/schemas/Tool"}},
  "tool_choice": {"anyOf": [{"type": "null"}, {"enum": ["none", "auto", "required"]}, {"type": "object"}]},
  "parallel_tool_calls": {"type": ["boolean", "null"]},
  "response_format": {"type": ["object", "null"],
    "properties": {"type": {"enum": ["text", "json_object", "json_schema", "structural_tag"]}}, "required": ["type"]},
  "reasoning_effort": {"enum": ["none", "minimal", "low", "medium", "high", "xhigh", "max", null]},
  "enable_thinking": {"type": ["boolean", "null"]},
  "thinking": {"type": ["object", "null"], "properties": {"type": {"enum": ["enabled", "disabled"]}}, "required": ["type"]},
  "thinking_token_budget": {"type": ["integer", "null"], "minimum": -1},
  "chat_template_kwargs": {"type": ["object", "null"]},
  "include_reasoning": {"type": ["boolean", "null"]},
  "box_markers": {"enum": ["keep", "remove", null]},
  "reasoning_format": {"enum": ["auto", "none", "deepseek", null]},
  "drop_restated": {"type": ["boolean", "null"]},
  "return_progress": {"type": ["boolean", "null"]},
  "mm_processor_kwargs": {"type": ["object", "null"], "properties": {"max_pixels": {"type": "integer", "minimum": 1}}},
  "structured_outputs": {"type": ["object", "null"]},
  "guided_json": {"type": ["object", "string", "null"]},
  "guided_regex": {"type": ["string", "null"]},
  "guided_choice": {"type": ["array", "null"], "items": {"type": "string"}},
  "guided_grammar": {"type": ["string", "null"]},
  "regex": {"type": ["string", "null"]},
  "ebnf": {"type": ["string", "null"]},
  "json_schema": {"type": ["object", "string", "null"]},
  "grammar": {"type": ["string", "null"]},
  "add_generation_prompt": {"type": ["boolean", "null"]},
  "continue_final_message": {"type": ["boolean", "null"]}
})";

constexpr const char kOthers[] = R"({
  "Message": {"type": "object", "required": ["role", "content"], "properties": {
    "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
    "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/components/schemas/Part"}}]},
    "reasoning_content": {"type": ["string", "null"]},
    "tool_call_id": {"type": ["string", "null"]}}},
  "Part": {"oneOf": [
    {"type": "object", "required": ["type", "text"],
     "properties": {"type": {"const": "text"}, "text": {"type": "string"}}},
    {"type": "object", "required": ["type", "image_url"],
     "properties": {"type": {"const": "image_url"}, "image_url": {"type": "object", "required": ["url"],
       "properties": {"url": {"type": "string"}, "detail": {"enum": ["auto", "low", "high", "original"]}}}}},
    {"type": "object", "required": ["type", "video_url"],
     "properties": {"type": {"const": "video_url"}, "video_url": {"type": "object", "required": ["url"],
       "properties": {"url": {"type": "string"}}}}},
    {"type": "object", "required": ["type", "file"],
     "properties": {"type": {"const": "file"}, "file": {"type": "object", "properties": {
       "file_data": {"type": "string"}, "file_id": {"type": "string"}, "filename": {"type": "string"}}},
       "pages": {"type": "string"}, "dpi": {"type": "number", "minimum": 10, "maximum": 600}}}]},
  "Tool": {"type": "object", "required": ["type", "function"], "properties": {"type": {"const": "function"},
    "function": {"type": "object", "required": ["name"], "properties": {
      "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
      "description": {"type": "string"}, "parameters": {"type": "object"}, "strict": {"type": ["boolean", "null"]}}}}},
  "ResponsesRequest": {"type": "object", "required": ["input"], "properties": {
    "input": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "object"}}]},
    "model": {"type": ["string", "null"]},
    "instructions": {"type": ["string", "null"]},
    "max_output_tokens": {"type": ["integer", "null"], "minimum": 1},
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
    "top_p": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
    "reasoning": {"type": ["object", "null"]},
    "text": {"type": ["object", "null"]},
    "tools": {"type": ["array", "null"], "items": {"type": "object"}},
    "tool_choice": {"type": ["object", "string", "null"]},
    "parallel_tool_calls": {"type": ["boolean", "null"]},
    "chat_template_kwargs": {"type": ["object", "null"]},
    "thinking_token_budget": {"type": ["integer", "null"], "minimum": -1},
    "include_reasoning": {"type": ["boolean", "null"]},
    "priority": {"type": ["integer", "null"]},
    "cache_salt": {"type": ["string", "null"], "maxLength": 128},
    "seed": {"type": ["integer", "null"]},
    "metadata": {"type": ["object", "null"]},
    "previous_response_id": {"type": "null"}, "conversation": {"type": "null"}, "prompt": {"type": "null"},
    "background": {"enum": [false, null]},
    "stream": {"type": ["boolean", "null"]}}},
  "MessagesRequest": {"type": "object", "required": ["messages", "max_tokens"], "properties": {
    "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"],
      "properties": {"role": {"enum": ["user", "assistant"]},
        "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]}}}},
    "model": {"type": ["string", "null"]},
    "max_tokens": {"type": "integer", "minimum": 1},
    "system": {"anyOf": [{"type": "null"}, {"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
    "stop_sequences": {"type": ["array", "null"], "maxItems": 16, "items": {"type": "string", "minLength": 1, "maxLength": 256}},
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "top_p": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
    "top_k": {"type": ["integer", "null"], "minimum": -1, "maximum": 2147483648},
    "min_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "seed": {"type": ["integer", "null"]},
    "priority": {"type": ["integer", "null"]},
    "cache_salt": {"type": ["string", "null"], "maxLength": 128},
    "chat_template_kwargs": {"type": ["object", "null"]},
    "thinking": {"type": ["object", "null"]},
    "tools": {"type": ["array", "null"], "items": {"type": "object"}},
    "tool_choice": {"type": ["object", "null"]},
    "stream": {"type": ["boolean", "null"]}}},
  "TokenizeRequest": {"type": "object", "properties": {
    "prompt": {"type": "string"},
    "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Message"}},
    "parse_special": {"type": ["boolean", "null"]},
    "add_special_tokens": {"type": ["boolean", "null"]},
    "return_token_strs": {"type": "boolean"}}},
  "DetokenizeRequest": {"type": "object", "required": ["tokens"], "properties": {
    "tokens": {"type": "array", "items": {"type": "integer", "minimum": 0}}}},
  "GroundRequest": {"type": "object", "required": ["text"], "properties": {
    "text": {"type": "string", "maxLength": 1048576},
    "width": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000000},
    "height": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000000},
    "as": {"enum": ["auto", "box", "point", "poly", "json", "3d", null]}}},
  "OllamaChatRequest": {"type": "object", "required": ["messages"], "properties": {
    "model": {"type": ["string", "null"]},
    "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"], "properties": {
      "role": {"enum": ["system", "user", "assistant", "tool"]}, "content": {"type": "string"},
      "images": {"type": "array", "items": {"type": "string"}}}}},
    "tools": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Tool"}},
    "tool_choice": {"enum": ["none", "auto", "required", null]},
    "options": {"type": ["object", "null"]}, "think": {"type": ["boolean", "string", "null"]},
    "format": {"anyOf": [{"type": "null"}, {"const": "json"}, {"type": "object"}]},
    "stream": {"type": ["boolean", "null"]}}},
  "OllamaGenerateRequest": {"type": "object", "required": ["prompt"], "properties": {
    "model": {"type": ["string", "null"]}, "prompt": {"type": "string"}, "system": {"type": ["string", "null"]},
    "images": {"type": "array", "items": {"type": "string"}}, "raw": {"type": ["boolean", "null"]},
    "think": {"type": ["boolean", "string", "null"]}, "suffix": {"enum": ["", null]},
    "format": {"anyOf": [{"type": "null"}, {"const": "json"}, {"type": "object"}]},
    "options": {"type": ["object", "null"]}, "stream": {"type": ["boolean", "null"]}}},
  "OllamaShowRequest": {"type": "object", "required": ["model"], "properties": {"model": {"type": "string"}}},
  "Multipart": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]},
  "StoredConversation": {"type": "object", "properties": {"conv": {"type": "object"},
    "msgs": {"type": "array", "items": {"type": "object"}}}, "required": ["conv"]},
  "Bytes": {"type": "string", "format": "binary"},
  "Anything": {"type": "object"}
})";

Json request_schema(std::initializer_list<const char*> fields, Json required) {
  Json properties = Json::object();
  for (const char* text : fields) properties.update(Json::parse(text));
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

Json all_schemas() {
  Json schemas = Json::parse(kOthers);
  schemas["ChatCompletionRequest"] = request_schema({kSampling, kChat}, {"messages"});
  schemas["CompletionRequest"] =
      request_schema({kSampling, R"({"prompt": {"anyOf": [{"type": "string"},
          {"type": "array", "minItems": 1, "maxItems": 64, "items": {"type": "string", "minLength": 1}}]},
        "echo": {"type": ["boolean", "null"]},
        "parse_special": {"type": ["boolean", "null"]},
        "add_special_tokens": {"type": ["boolean", "null"]},
        "suffix": {"enum": ["", null]},
        "logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": 20}})"},
                     {"prompt"});
  return schemas;
}

}  // namespace

const Json& body_schemas() {
  static const Json schemas = all_schemas();
  return schemas;
}

}  // namespace glmv::server
