#pragma once
// The bodies of Ollama's /api/chat and /api/generate as chat calls.

#include "glmv/server/chat_call.h"

namespace glmv::server {

// Errors name the fields of this form. Streams unless the body says no. The model "name:latest" is
// "name".
ApiResult<ChatCall> parse_ollama_chat(const Json& body, const CallRules& rules);
// A prompt with pictures as the one message of a user; "raw": as it is, without a template.
ApiResult<ChatCall> parse_ollama_generate(const Json& body, const CallRules& rules);

}  // namespace glmv::server
