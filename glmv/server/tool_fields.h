#pragma once
// tools, tool_choice and parallel_tool_calls of a request.

#include "glmv/api/chat_types.h"
#include "glmv/server/api_error.h"

namespace glmv::server {

// An empty list of tools is none: agents send it.
ApiResult<void> read_tools(const Json& body, api::ChatRequest& request);

}  // namespace glmv::server
