#include "glmv/server/chat_wire.h"

#include <cmath>

#include "glmv/base/utf8.h"

namespace glmv::server {
namespace {

// JSON has no infinity; this is what OpenAI sends instead.
constexpr double kNoLogprob = -9999.0;

Json logprob_json(const api::LogprobEntry& entry) {
  Json bytes = Json::array();
  for (const char c : entry.token) bytes.push_back(static_cast<uint8_t>(c));
  return {{"token", repair_utf8(entry.token)},
          {"bytes", std::move(bytes)},
          {"logprob", std::isfinite(entry.logprob) ? double(entry.logprob) : kNoLogprob}};
}

}  // namespace

Json logprobs_json(const std::vector<api::LogprobEntry>& entries) {
  if (entries.empty()) return nullptr;
  Json content = Json::array();
  for (const api::LogprobEntry& entry : entries) {
    Json row = logprob_json(entry);
    row["top_logprobs"] = Json::array();
    for (const api::LogprobEntry& other : entry.top) row["top_logprobs"].push_back(logprob_json(other));
    content.push_back(std::move(row));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

std::string finish_reason(const api::ChatReply& reply) {
  return reply.finish_reason == "length" ? "length" : "stop";
}

Json choice_json(const api::ChatReply& reply, int index, bool include_reasoning) {
  Json message = {{"role", "assistant"}, {"content", repair_utf8(reply.content)}, {"refusal", nullptr}};
  if (include_reasoning && !reply.reasoning.empty()) {
    message["reasoning_content"] = repair_utf8(reply.reasoning);
    message["reasoning"] = message["reasoning_content"];
  }
  if (!reply.boxed.empty()) {
    message["x_boxed"] = Json::array();
    for (const std::string& text : reply.boxed) message["x_boxed"].push_back(repair_utf8(text));
  }
  Json choice = {{"index", index},
                 {"message", std::move(message)},
                 {"logprobs", logprobs_json(reply.logprobs)},
                 {"finish_reason", finish_reason(reply)}};
  if (reply.grammar_dead_end) choice["x_grammar_dead_end"] = true;
  return choice;
}

Json usage_json(const std::vector<api::ChatReply>& replies) {
  api::ChatUsage sum;
  for (const api::ChatReply& reply : replies) {
    sum.prompt_tokens = reply.usage.prompt_tokens;
    sum.image_tokens = reply.usage.image_tokens;
    sum.cached_tokens = std::max(sum.cached_tokens, reply.usage.cached_tokens);
    sum.completion_tokens += reply.usage.completion_tokens;
    sum.reasoning_tokens += reply.usage.reasoning_tokens;
  }
  return {{"prompt_tokens", sum.prompt_tokens},
          {"completion_tokens", sum.completion_tokens},
          {"total_tokens", sum.prompt_tokens + sum.completion_tokens},
          {"prompt_tokens_details",
           {{"cached_tokens", sum.cached_tokens},
            {"image_tokens", sum.image_tokens},
            {"text_tokens", sum.prompt_tokens - sum.image_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", sum.reasoning_tokens}}}};
}

Json completion_json(const ReplyHead& head, Json choices, Json usage) {
  return {{"id", head.id},         {"object", "chat.completion"},
          {"created", head.created}, {"model", head.model},
          {"choices", std::move(choices)}, {"usage", std::move(usage)},
          {"system_fingerprint", head.fingerprint}};
}

Json chunk_json(const ReplyHead& head, int index, Json delta, Json finish_reason, Json logprobs,
                bool usage_field) {
  Json choice = {{"index", index}, {"delta", std::move(delta)}, {"logprobs", std::move(logprobs)},
                 {"finish_reason", std::move(finish_reason)}};
  Json chunk = {{"id", head.id},
                {"object", "chat.completion.chunk"},
                {"created", head.created},
                {"model", head.model},
                {"system_fingerprint", head.fingerprint},
                {"choices", Json::array({std::move(choice)})}};
  if (usage_field) chunk["usage"] = nullptr;
  return chunk;
}

Json usage_chunk_json(const ReplyHead& head, Json usage) {
  return {{"id", head.id},
          {"object", "chat.completion.chunk"},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint},
          {"choices", Json::array()},
          {"usage", std::move(usage)}};
}

Json delta_json(const api::ChatChunk& chunk, bool include_reasoning) {
  Json delta = Json::object();
  if (include_reasoning && !chunk.reasoning.empty()) {
    delta["reasoning_content"] = repair_utf8(chunk.reasoning);
    delta["reasoning"] = delta["reasoning_content"];
  }
  if (!chunk.content.empty()) delta["content"] = repair_utf8(chunk.content);
  return delta;
}

}  // namespace glmv::server
