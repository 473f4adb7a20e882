#include "glmv/server/completion_call.h"

#include <algorithm>

#include "glmv/server/fields.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxPrompts = 1024;
constexpr size_t kMaxIds = 1 << 22;
constexpr int64_t kDefaultTokens = 16;  // OpenAI's
constexpr int64_t kMaxLogprobs = 20;

ApiResult<std::vector<int32_t>> read_ids(const Json& list, const std::string& path) {
  if (list.empty() || list.size() > kMaxIds) {
    return bad_field(path, fmt::format("must hold 1 to {} token ids", kMaxIds));
  }
  std::vector<int32_t> ids;
  for (const Json& id : list) {
    const std::optional<int32_t> token = token_id(id);
    if (!token) return bad_field(path, "must hold token ids, whole numbers from 0 on");
    ids.push_back(*token);
  }
  return ids;
}

// A string, a list of ids, or a list of such.
ApiResult<std::vector<api::RawPrompt>> read_prompts(const Json& prompt) {
  std::vector<api::RawPrompt> prompts;
  if (prompt.is_string()) return std::vector{api::RawPrompt{.text = prompt.get<std::string>()}};
  if (!prompt.is_array() || prompt.empty()) {
    return bad_field("prompt", "must be a string, a list of strings, or token ids");
  }
  if (prompt[0].is_number()) {
    GLMV_ASSIGN(std::vector<int32_t> ids, read_ids(prompt, "prompt"));
    return std::vector{api::RawPrompt{.ids = std::move(ids)}};
  }
  if (prompt.size() > kMaxPrompts) {
    return bad_field("prompt", fmt::format("has {} prompts, at most {} are accepted", prompt.size(),
                                           kMaxPrompts));
  }
  for (size_t i = 0; i < prompt.size(); ++i) {
    const std::string path = fmt::format("prompt[{}]", i);
    if (prompt[i].is_array()) {
      GLMV_ASSIGN(std::vector<int32_t> ids, read_ids(prompt[i], path));
      prompts.push_back({.ids = std::move(ids)});
    } else {
      GLMV_ASSIGN(std::string text, string(prompt[i], path));
      prompts.push_back({.text = std::move(text)});
    }
  }
  return prompts;
}

}  // namespace

ApiResult<api::RawPrompt> raw_prompt_rules(const Json& body) {
  api::RawPrompt prompt;
  GLMV_ASSIGN(const bool parse_special, boolean(body, "parse_special", true));
  if (!parse_special) prompt.tokens_in_text = text::TokensInText::kNone;
  GLMV_ASSIGN(prompt.add_special_tokens, boolean(body, "add_special_tokens", false));
  return prompt;
}

ApiResult<CompletionCall> parse_completion_call(const Json& body, const CallRules& rules) {
  CompletionCall call;
  const Json* prompt = find(body, "prompt");
  if (prompt == nullptr) return bad_field("prompt", "is missing");
  GLMV_ASSIGN(call.prompts, read_prompts(*prompt));
  GLMV_ASSIGN(const api::RawPrompt reading, raw_prompt_rules(body));
  for (api::RawPrompt& raw : call.prompts) {
    raw.tokens_in_text = reading.tokens_in_text;
    raw.add_special_tokens = reading.add_special_tokens;
  }
  if (const Json* suffix = find(body, "suffix"); suffix != nullptr && *suffix != "") {
    return bad_field("suffix", "is not supported by this model: ask in the chat form instead",
                     "unsupported_parameter");
  }
  GLMV_RETURN_IF_ERROR(read_generation(body, rules, call.request));
  if (!call.request.max_tokens) call.request.max_tokens = kDefaultTokens;
  call.request.raw_output = true;
  GLMV_ASSIGN(call.request.detect_repetition,
              boolean(body, "detect_repetition", rules.detect_repetition));
  GLMV_ASSIGN(call.return_token_ids, boolean(body, "return_token_ids", false));
  std::optional<int64_t> logprobs;
  GLMV_FIELD(logprobs, integer(body, "logprobs", 0, kMaxLogprobs));
  call.request.logprobs = logprobs.has_value();
  call.request.top_logprobs = static_cast<int>(logprobs.value_or(0));
  GLMV_ASSIGN(call.echo, boolean(body, "echo", false));
  if (call.echo && logprobs) {
    return bad_field("echo",
                     "together with logprobs is not supported: log-probabilities of the "
                     "prompt are not computed",
                     "unsupported_parameter");
  }
  GLMV_RETURN_IF_ERROR(read_delivery(body, call.request.temperature, call));
  if (call.prompts.size() * static_cast<size_t>(call.n) > kMaxPrompts) {
    return bad_field("n", fmt::format("times the prompts is above {}", kMaxPrompts));
  }
  return call;
}

}  // namespace glmv::server
