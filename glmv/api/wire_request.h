#pragma once
// A ChatRequest as the body of POST /v1/chat/completions.

#include "glmv/api/wire_media.h"

namespace glmv::api {

// Only what the request sets is sent, for servers refuse fields that they do not know. Errors name
// the field or the part; unsupported: what cannot be asked over HTTP, or not of this server.
Result<Json> wire_request(const ChatRequest& request, const ServerModel& model,
                          size_t max_media_bytes, WireMedia& media);

}  // namespace glmv::api
