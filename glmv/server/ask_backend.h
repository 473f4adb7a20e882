#pragma once
// One reply of the backend on behalf of a call: ended when its client goes or its time is over,
// counted and noted for the log.

#include <functional>

#include "glmv/server/routes.h"

namespace glmv::server {

// Nothing is new; who waits is asked whether he still wants the answer.
bool is_look(const api::ChatChunk& chunk);

// `on_chunk` (not empty) gets the pieces and looks; false cancels. May run on several threads for
// one call. Errors: those of the backend; 503 "timeout" after ServerOptions::request_timeout_s.
ApiResult<api::ChatReply> ask_backend(const Call& call, const api::ChatRequest& request,
                                      const api::OnChunk& on_chunk);

}  // namespace glmv::server
