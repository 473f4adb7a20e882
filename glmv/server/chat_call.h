#pragma once
// The body of POST /v1/chat/completions as a request of a backend.

#include <string>

#include "glmv/api/chat_types.h"
#include "glmv/server/api_error.h"

namespace glmv::server {

struct ChatCall {
  api::ChatRequest request;
  std::string model;  // as the client wrote it; empty: the served one
  int n = 1;
  bool stream = false;
  bool include_usage = false;
  bool include_reasoning = true;
  std::string warning;  // for the header x-glmv-warning
};

// The media of the request are still sources, which no backend reads: Server::load_media.
// `body`: an object (parse_body). Checks every field that it knows; others are ignored, as clients send many. Errors name the field.
ApiResult<ChatCall> parse_chat_call(Json body);

}  // namespace glmv::server
