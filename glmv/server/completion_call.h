#pragma once
// The body of POST /v1/completions: raw prompts that are continued.

#include <vector>

#include "glmv/server/chat_call.h"

namespace glmv::server {

struct CompletionCall : Delivery {
  api::ChatRequest request;  // all but the prompt
  std::vector<api::RawPrompt> prompts;
  bool echo = false;
};

ApiResult<CompletionCall> parse_completion_call(const Json& body);

// Which tokens the text of a raw prompt may hold: the field parse_special.
ApiResult<text::TokensInText> tokens_in_prompt(const Json& body);

}  // namespace glmv::server
