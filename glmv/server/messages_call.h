#pragma once
// The body of Anthropic's POST /v1/messages as a chat call.

#include "glmv/server/chat_call.h"

namespace glmv::server {

// `needs_max_tokens`: as for a reply; a count of tokens does without. Errors name the fields of
// this form. Thoughts are part of the reply only when the request turns thinking on, as there.
ApiResult<ChatCall> parse_messages_call(const Json& body, bool needs_max_tokens,
                                        const CallRules& rules);

}  // namespace glmv::server
