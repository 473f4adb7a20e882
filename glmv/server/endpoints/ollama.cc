// Ollama's /api/chat, /api/generate, /api/tags, /api/show, /api/ps and /api/version.

#include "glmv/server/ollama_call.h"

#include <chrono>
#include <ctime>
#include <utility>

#include "glmv/base/utf8.h"
#include "glmv/server/answer.h"
#include "glmv/server/fields.h"

namespace glmv::server {
namespace {

std::string utc_time(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

int64_t nanoseconds(double ms) { return static_cast<int64_t>(ms * 1e6); }

// Calls with arguments as objects.
Json calls_json(const std::vector<api::ToolCall>& calls) {
  Json list = Json::array();
  for (const api::ToolCall& call : calls) {
    Json arguments = Json::parse(repair_utf8(call.arguments), nullptr, false);
    list.push_back({{"function",
                     {{"name", repair_utf8(call.name)},
                      {"arguments", arguments.is_object() ? arguments : Json::object()}}}});
  }
  return list;
}

class OllamaWriter final : public ReplyWriter {
 public:
  // `chat`: /api/chat; else /api/generate.
  OllamaWriter(bool chat, std::string model) : chat_(chat), model_(std::move(model)) {}

  Json body(const std::vector<api::ChatReply>& replies) override {
    const api::ChatReply& reply = replies[0];
    return last(reply, text(reply.content, reply.reasoning, reply.tool_calls));
  }

  void begin(EventStream&) override {}

  bool piece(EventStream& out, int, const api::ChatChunk& chunk) override {
    for (const api::ToolCallDelta& call : chunk.tool_calls) add(call);
    if (chunk.content.empty() && chunk.reasoning.empty()) return true;
    Json json = head(false);
    json.update(text(chunk.content, chunk.reasoning, {}));
    return out.send(json);
  }

  void end(EventStream& out, const std::vector<api::ChatReply>& replies) override {
    if (!calls_.empty()) {  // each whole, as clients expect them
      Json json = head(false);
      json.update(text("", "", calls_));
      out.send(json);
    }
    out.send(last(replies[0], text("", "", {})));
  }

  void error(EventStream& out, const ApiError& error) override { out.send(ollama_error(error)); }

 private:
  void add(const api::ToolCallDelta& delta) {
    if (!delta.name.empty()) calls_.push_back({.id = delta.id, .name = delta.name});
    calls_.at(delta.index).arguments += delta.arguments;
  }

  Json head(bool done) const {
    return {{"model", model_}, {"created_at", utc_time(std::time(nullptr))}, {"done", done}};
  }

  Json text(const std::string& content, const std::string& thinking,
            const std::vector<api::ToolCall>& calls) const {
    Json message = chat_ ? Json{{"role", "assistant"}, {"content", repair_utf8(content)}}
                         : Json{{"response", repair_utf8(content)}};
    if (!thinking.empty()) message["thinking"] = repair_utf8(thinking);
    if (!calls.empty()) message["tool_calls"] = calls_json(calls);
    return chat_ ? Json{{"message", std::move(message)}} : message;
  }

  Json last(const api::ChatReply& reply, const Json& text) const {
    Json json = head(true);
    json.update(text);
    const api::ChatTimings& timings = reply.timings;
    json["done_reason"] = was_cut(reply) ? "length" : "stop";
    json["total_duration"] = nanoseconds(timings.time_to_first_token_ms + timings.decode_ms);
    json["load_duration"] = 0;
    json["prompt_eval_count"] = reply.usage.prompt_tokens;
    json["prompt_eval_duration"] = nanoseconds(timings.vision_ms + timings.prefill_ms);
    json["eval_count"] = reply.usage.completion_tokens;
    json["eval_duration"] = nanoseconds(timings.decode_ms);
    return json;
  }

  const bool chat_;
  const std::string model_;
  std::vector<api::ToolCall> calls_;
};

void answer_ollama(const Call& call, bool is_chat,
                   ApiResult<ChatCall> (*parse)(const Json&, const CallRules&)) {
  const auto body = read_body(call);
  if (!body) return fail(call, body.error());
  const auto chat = parse(*body, call.server.options().rules);
  if (!chat) return fail(call, chat.error());
  const auto model = served_model(call, chat->model);
  if (!model) return fail(call, model.error());
  OllamaWriter writer(is_chat, *model);
  answer(call, {{chat->request}, 1, chat->stream, chat->warning, EventStream::Form::kLines},
         writer);
}

Json details(const ServedModel& model) {
  return {{"format", "safetensors"},
          {"family", model.family},
          {"families", {model.family}},
          {"quantization_level", model.quantization}};
}

Json model_json(const Server& server) {
  const std::string& name = server.options().model;
  return {{"name", name + ":latest"},
          {"model", name + ":latest"},
          {"modified_at", utc_time(server.start_time())},
          {"size", server.model().weight_bytes},
          {"digest", server.model().fingerprint},
          {"details", details(server.model())}};
}

}  // namespace

Json ollama_error(const ApiError& error) { return {{"error", to_json(error)["error"]["message"]}}; }

void ollama_chat(const Call& call) { answer_ollama(call, true, parse_ollama_chat); }
void ollama_generate(const Call& call) { answer_ollama(call, false, parse_ollama_generate); }

void ollama_tags(const Call& call) {
  send_json(call.reply, 200, {{"models", Json::array({model_json(call.server)})}}, call.request_id);
}

void ollama_running(const Call& call) {
  Json model = model_json(call.server);
  model["context_length"] = call.server.model().max_context_tokens;
  send_json(call.reply, 200, {{"models", Json::array({std::move(model)})}}, call.request_id);
}

void ollama_show(const Call& call) {
  const auto body = read_body(call);
  if (!body) return fail(call, body.error());
  const Json* name = find(*body, "model");
  if (name == nullptr) name = find(*body, "name");
  if (name == nullptr || !name->is_string())
    return fail(call, bad_field("model", "is missing").error());
  std::string wanted = name->get<std::string>();
  wanted = wanted.substr(0, wanted.rfind(":latest"));
  if (const auto model = served_model(call, wanted); !model) return fail(call, model.error());
  send_json(
      call.reply, 200,
      {{"modelfile", ""},
       {"parameters", ""},
       {"template", call.server.service().chat_template()},
       {"details", details(call.server.model())},
       {"model_info",
        {{"general.architecture", call.server.model().family},
         {call.server.model().family + ".context_length", call.server.model().max_context_tokens}}},
       {"capabilities", {"completion", "vision", "tools", "thinking"}},
       {"modified_at", utc_time(call.server.start_time())}},
      call.request_id);
}

void ollama_version(const Call& call) {
  send_json(call.reply, 200, {{"version", GLMV_VERSION}}, call.request_id);
}

}  // namespace glmv::server
