// GET /v1/models, /v1/models/NAME, /health, /ready, /health_generate, /version, /metrics, /load,
// /props.

#include <limits>

#include "glmv/processing/video_rule.h"
#include "glmv/server/ask_backend.h"
#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

Json model_json(const Server& server) {
  const std::string& name = server.options().model;
  return {
      {"id", name},
      {"object", "model"},
      {"created", server.start_time()},
      {"owned_by", "glmv"},
      {"root", name},
      {"parent", nullptr},
      {"max_model_len", server.model().max_context_tokens},
      {"video_processor", processing::video_rule_json(server.options().media.processor)},
      {"capabilities", {{"vision", true}, {"video", true}, {"tools", true}, {"reasoning", true}}}};
}

}  // namespace

void list_models(const Call& call) {
  send_json(call.reply, 200, {{"object", "list"}, {"data", Json::array({model_json(call.server)})}},
            call.request_id);
}

void show_model(const Call& call) {
  const std::string& name = call.names[0];
  if (name == call.server.options().model) {
    return send_json(call.reply, 200, model_json(call.server), call.request_id);
  }
  fail(call,
       {404, "model_not_found",
        fmt::format("there is no model \"{}\" here; /v1/models lists them", name), "model", 0});
}

void health(const Call& call) {
  const std::string trouble = call.server.engine_trouble();
  if (trouble.empty()) return send_json(call.reply, 200, Json::object(), call.request_id);
  send_error(call.reply, {503, "engine_dead", trouble, "", 0}, call.request_id);
}

void ready(const Call& call) {
  if (!call.server.engine_trouble().empty()) return health(call);
  if (!call.server.has_model()) return send_error(call.reply, is_loading(), call.request_id);
  const bool full = call.server.num_requests() >= call.server.options().max_requests;
  if (!call.server.draining() && !full) {
    return send_json(call.reply, 200, Json::object(), call.request_id);
  }
  send_error(call.reply, {503, full ? "queue_full" : "draining", "not ready for requests", "", 5},
             call.request_id);
}

// Goes ahead of others, and is no request among max_requests: it shall answer under load, too.
void health_generate(const Call& call) {
  if (!call.server.engine_trouble().empty()) return health(call);
  api::ChatRequest request;
  request.raw_prompt = api::RawPrompt{.ids = {0}};
  request.max_tokens = 1;
  request.ignore_eos = true;
  request.priority = std::numeric_limits<int64_t>::min();
  const auto reply =
      ask_backend(call, request, [&](const api::ChatChunk&) { return !call.reply.client_gone(); });
  if (!reply) return fail(call, reply.error());
  send_json(call.reply, 200, {{"completion_tokens", reply->usage.completion_tokens}},
            call.request_id);
}

void show_metrics(const Call& call) {
  call.reply.send(200,
                  {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
                   {"x-request-id", call.request_id}},
                  call.server.metrics_text());
}

void show_load(const Call& call) {
  send_json(call.reply, 200, {{"server_load", call.server.num_requests()}}, call.request_id);
}

void show_properties(const Call& call) {
  const Server& server = call.server;
  send_json(call.reply, 200,
            {{"model", server.options().model},
             {"build_info", "glmv-" GLMV_VERSION},
             {"n_ctx", server.model().max_context_tokens},
             {"total_slots", server.model().max_running},
             {"max_requests", server.options().max_requests},
             {"modalities", {{"vision", true}, {"video", true}, {"audio", false}}},
             {"default_generation_settings", server.model().generation_defaults},
             {"chat_template", server.service().chat_template()}},
            call.request_id);
}

void version(const Call& call) {
  send_json(call.reply, 200, {{"version", GLMV_VERSION}}, call.request_id);
}

}  // namespace glmv::server
