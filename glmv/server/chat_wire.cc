#include "glmv/server/chat_wire.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/utf8.h"

namespace glmv::server {
namespace {

Json logprob_json(const api::LogprobEntry& entry) {
  Json bytes = Json::array();
  for (const char c : entry.token) bytes.push_back(static_cast<uint8_t>(c));
  return {{"token", repair_utf8(entry.token)},
          {"bytes", std::move(bytes)},
          {"logprob", wire_logprob(entry.logprob)}};
}

}  // namespace

double wire_logprob(float logprob) { return std::isfinite(logprob) ? double(logprob) : -9999.0; }

Json logprobs_json(const std::vector<api::LogprobEntry>& entries) {
  if (entries.empty()) return nullptr;
  Json content = Json::array();
  for (const api::LogprobEntry& entry : entries) {
    Json row = logprob_json(entry);
    row["top_logprobs"] = Json::array();
    for (const api::LogprobEntry& other : entry.top)
      row["top_logprobs"].push_back(logprob_json(other));
    content.push_back(std::move(row));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

std::string finish_reason(const api::ChatReply& reply, const api::ChatRequest& request) {
  if (was_cut(reply)) return "length";
  const bool called = reply.finish_reason == "tool_calls";
  return called && request.tool_choice != api::ToolChoice::kNamed ? "tool_calls" : "stop";
}

Json tool_calls_json(const std::vector<api::ToolCall>& calls) {
  Json list = Json::array();
  for (const api::ToolCall& call : calls) {
    list.push_back(
        {{"id", call.id},
         {"type", "function"},
         {"function",
          {{"name", repair_utf8(call.name)}, {"arguments", repair_utf8(call.arguments)}}}});
  }
  return list;
}

void add_endings(const api::ChatReply& reply, Json& choice) {
  if (!reply.stop_string.empty()) {
    choice["stop_reason"] = repair_utf8(reply.stop_string);
  } else if (reply.finish_reason == "repetition") {
    choice["stop_reason"] = "repetition";
    choice["x_repetition"] = true;
  } else if (reply.finish_reason == "cancelled") {
    choice["stop_reason"] = "cancelled";
  }
  if (reply.restated) choice["x_restated"] = true;
  if (reply.grammar_dead_end) choice["x_grammar_dead_end"] = true;
  if (reply.reasoning_reclassified) choice["x_reasoning_reclassified"] = true;
}

void add_boxed(const api::ChatReply& reply, Json& message) {
  for (const std::string& text : reply.boxed) message["x_boxed"].push_back(repair_utf8(text));
}

Json choice_json(const api::ChatReply& reply, const ChatCall& chat, int index) {
  Json message = {
      {"role", "assistant"}, {"content", repair_utf8(reply.content)}, {"refusal", nullptr}};
  if (chat.include_reasoning && !reply.reasoning.empty()) {
    message["reasoning_content"] = repair_utf8(reply.reasoning);
    message["reasoning"] = message["reasoning_content"];
  }
  if (!reply.tool_calls.empty()) {
    if (reply.content.empty()) message["content"] = nullptr;
    message["tool_calls"] = tool_calls_json(reply.tool_calls);
  }
  add_boxed(reply, message);
  Json choice = {{"index", index},
                 {"message", std::move(message)},
                 {"logprobs", logprobs_json(reply.logprobs)},
                 {"finish_reason", finish_reason(reply, chat.request)}};
  add_endings(reply, choice);
  if (chat.return_token_ids) choice["token_ids"] = reply.output_ids;
  return choice;
}

Json timings_json(const api::ChatReply& reply) {
  const api::ChatUsage& usage = reply.usage;
  const api::ChatTimings& timings = reply.timings;
  const auto rate = [](int64_t tokens, double ms) {
    return ms > 0 ? double(tokens) * 1000 / ms : 0.0;
  };
  const int64_t computed = usage.prompt_tokens - usage.cached_tokens;
  return {{"queue_ms", timings.queue_ms},
          {"vision_ms", timings.vision_ms},
          {"cache_n", usage.cached_tokens},
          {"prompt_n", computed},
          {"prompt_ms", timings.prefill_ms},
          {"prompt_per_second", rate(computed, timings.prefill_ms)},
          {"predicted_n", usage.completion_tokens},
          {"predicted_ms", timings.decode_ms},
          {"predicted_per_second", rate(usage.completion_tokens, timings.decode_ms)},
          {"time_to_first_token_ms", timings.time_to_first_token_ms}};
}

std::vector<api::ChatUsage> usages_of(const std::vector<api::ChatReply>& replies) {
  std::vector<api::ChatUsage> usages;
  for (const api::ChatReply& reply : replies) usages.push_back(reply.usage);
  return usages;
}

void StreamUsage::note(size_t index, const api::ChatUsage& so_far) {
  if (so_far.prompt_tokens == 0) return;
  usages_.at(index) = so_far;
  // Choices share their prompt, which is that of the first.
  api::ChatUsage& first = usages_[index - index % static_cast<size_t>(delivery_.n)];
  first.prompt_tokens = so_far.prompt_tokens;
  first.image_tokens = so_far.image_tokens;
}

void StreamUsage::put(Json& chunk) const {
  if (!delivery_.include_usage) return;
  const bool known =
      std::ranges::any_of(usages_, [](const auto& usage) { return usage.prompt_tokens > 0; });
  chunk["usage"] = delivery_.continuous_usage && known ? usage_json(usages_, delivery_.n) : Json();
}

Json usage_json(const std::vector<api::ChatUsage>& usages, int n) {
  api::ChatUsage sum;
  for (size_t i = 0; i < usages.size(); ++i) {
    const api::ChatUsage& usage = usages[i];
    if (i % static_cast<size_t>(n) == 0) {
      sum.prompt_tokens += usage.prompt_tokens;
      sum.image_tokens += usage.image_tokens;
      sum.cached_tokens += usage.cached_tokens;
    }
    sum.completion_tokens += usage.completion_tokens;
    sum.reasoning_tokens += usage.reasoning_tokens;
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
  return {{"id", head.id},
          {"object", "chat.completion"},
          {"created", head.created},
          {"model", head.model},
          {"choices", std::move(choices)},
          {"usage", std::move(usage)},
          {"system_fingerprint", head.fingerprint}};
}

Json chunk_json(const ReplyHead& head, int index, Json delta, Json finish_reason, Json logprobs) {
  Json choice = {{"index", index},
                 {"delta", std::move(delta)},
                 {"logprobs", std::move(logprobs)},
                 {"finish_reason", std::move(finish_reason)}};
  return {{"id", head.id},
          {"object", "chat.completion.chunk"},
          {"created", head.created},
          {"model", head.model},
          {"system_fingerprint", head.fingerprint},
          {"choices", Json::array({std::move(choice)})}};
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
  for (const api::ToolCallDelta& call : chunk.tool_calls) {
    Json& list = delta["tool_calls"];
    Json row = {{"index", call.index}};
    if (!call.name.empty()) {
      row["id"] = call.id;
      row["type"] = "function";
      row["function"]["name"] = repair_utf8(call.name);
    }
    row["function"]["arguments"] = repair_utf8(call.arguments);
    list.push_back(std::move(row));
  }
  return delta;
}

}  // namespace glmv::server
