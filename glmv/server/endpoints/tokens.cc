// POST /tokenize, /detokenize, /apply-template, /v1/chat/completions/input_tokens,
// /v1/responses/input_tokens.

#include "glmv/base/utf8.h"
#include "glmv/server/completion_call.h"
#include "glmv/server/responses_call.h"
#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxIds = 1 << 22;

Json medium_json(const api::PromptMedium& medium) {
  return {{"kind", medium.kind},
          {"width", medium.width},
          {"height", medium.height},
          {"grid_thw", medium.grid_thw},
          {"tokens", medium.num_tokens}};
}

ApiResult<Json> tokenize_json(const Call& call) {
  GLMV_ASSIGN(const Json body, read_body(call));
  const api::ModelService& service = call.server.service();
  api::PromptTokens tokens;
  if (body.contains("messages")) {
    GLMV_ASSIGN(ChatCall chat, parse_chat_call(body, call.server.options().rules));
    GLMV_RETURN_IF_ERROR(call.server.load_media(chat.request, call.reply, call.record.key));
    auto found = service.prompt_tokens(chat.request);
    if (!found) return std::unexpected(to_api_error(found.error()));
    tokens = std::move(*found);
  } else if (body.contains("prompt") && body["prompt"].is_string()) {
    GLMV_ASSIGN(api::RawPrompt prompt, raw_prompt_rules(body));
    prompt.text = body["prompt"].get<std::string>();
    auto found = service.tokenize(prompt);
    if (!found) return std::unexpected(to_api_error(found.error()));
    tokens.ids = std::move(*found);
  } else {
    return bad_field("prompt", "give a string as \"prompt\", or \"messages\"");
  }
  Json out = {{"count", tokens.ids.size()},
              {"max_model_len", call.server.model().max_context_tokens},
              {"tokens", tokens.ids}};
  if (const auto it = body.find("return_token_strs"); it != body.end() && *it == true) {
    out["token_strs"] = Json::array();
    for (const int32_t& id : tokens.ids) {
      out["token_strs"].push_back(repair_utf8(service.detokenize({&id, 1})));
    }
  }
  if (!tokens.media.empty()) {
    out["media"] = Json::array();
    for (const api::PromptMedium& medium : tokens.media)
      out["media"].push_back(medium_json(medium));
  }
  return out;
}

ApiResult<Json> detokenize_json(const Call& call) {
  GLMV_ASSIGN(const Json body, read_body(call));
  const auto list = body.find("tokens");
  if (list == body.end() || !list->is_array() || list->size() > kMaxIds) {
    return bad_field("tokens", "must be a list of token ids");
  }
  std::vector<int32_t> ids;
  for (const Json& id : *list) {
    const std::optional<int32_t> token = token_id(id);
    if (!token) return bad_field("tokens", "must hold token ids, whole numbers from 0 on");
    ids.push_back(*token);
  }
  return Json{{"prompt", repair_utf8(call.server.service().detokenize(ids))}};
}

ApiResult<Json> template_json(const Call& call) {
  GLMV_ASSIGN(const Json body, read_body(call));
  GLMV_ASSIGN(ChatCall chat, parse_chat_call(body, call.server.options().rules));
  // How many pages there are is a part of the prompt.
  if (processing::has_documents(chat.request.messages)) {
    GLMV_RETURN_IF_ERROR(call.server.load_media(chat.request, call.reply, call.record.key));
  }
  auto text = call.server.service().prompt_text(chat.request);
  if (!text) return std::unexpected(to_api_error(text.error()));
  return Json{{"prompt", repair_utf8(*text)}};
}

ApiResult<Json> count_json(const Call& call,
                           ApiResult<ChatCall> (*parse)(const Json&, const CallRules&)) {
  GLMV_ASSIGN(const Json body, read_body(call));
  GLMV_ASSIGN(ChatCall chat, parse(body, call.server.options().rules));
  GLMV_RETURN_IF_ERROR(call.server.load_media(chat.request, call.reply, call.record.key));
  auto tokens = call.server.service().prompt_tokens(chat.request);
  if (!tokens) return std::unexpected(to_api_error(tokens.error()));
  int64_t media_tokens = 0;
  for (const api::PromptMedium& medium : tokens->media) media_tokens += medium.num_tokens;
  return Json{{"object", "response.input_tokens"},
              {"input_tokens", tokens->ids.size()},
              {"image_tokens", media_tokens}};
}

void answer(const Call& call, const ApiResult<Json>& json) {
  if (json) return send_json(call.reply, 200, *json, call.request_id);
  fail(call, json.error());
}

}  // namespace

void tokenize(const Call& call) { answer(call, tokenize_json(call)); }
void detokenize(const Call& call) { answer(call, detokenize_json(call)); }
void apply_template(const Call& call) { answer(call, template_json(call)); }
void count_input_tokens(const Call& call) {
  answer(call, count_json(call, [](const Json& body, const CallRules& rules) {
           return parse_chat_call(body, rules);
         }));
}
void count_response_tokens(const Call& call) {
  answer(call, count_json(call, parse_responses_call));
}

}  // namespace glmv::server
