// POST /v1/requests/ID/cancel and /v1/requests/ID/end_thinking, where ID is that of a running
// request: its x-request-id, or the id of its reply.

#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

void answer_found(const Call& call, bool found) {
  if (found)
    return send_json(call.reply, 200, {{"object", "request"}, {"found", true}}, call.request_id);
  fail(call, {404, "request_not_found",
              fmt::format("no request \"{}\" is being answered", call.names[0]), "", 0});
}

}  // namespace

void cancel_request(const Call& call) {
  answer_found(call, call.server.running().cancel(call.names[0]));
}

void end_thinking(const Call& call) {
  answer_found(call, call.server.running().end_thinking(call.names[0]));
}

}  // namespace glmv::server
