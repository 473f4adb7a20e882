#pragma once
// The body of POST /v1/responses as a chat call. Stateless: what refers to stored responses is
// refused.

#include "glmv/server/chat_call.h"

namespace glmv::server {

// Errors name the fields of this form ("input[2].content[0]").
ApiResult<ChatCall> parse_responses_call(const Json& body, const CallRules& rules);

}  // namespace glmv::server
