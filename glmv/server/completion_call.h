#pragma once
// The body of POST /v1/completions: raw prompts that are continued.

#include <vector>

#include "glmv/server/chat_call.h"

namespace glmv::server {

struct CompletionCall : Delivery {
  api::ChatRequest request;  // all but the prompt
  std::vector<api::RawPrompt> prompts;
  bool echo = false;
  bool return_token_ids = false;
};

ApiResult<CompletionCall> parse_completion_call(const Json& body, const CallRules& rules = {});

// How the text of a raw prompt becomes tokens: the fields parse_special and add_special_tokens.
ApiResult<api::RawPrompt> raw_prompt_rules(const Json& body);

}  // namespace glmv::server
