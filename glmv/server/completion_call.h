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

}  // namespace glmv::server
