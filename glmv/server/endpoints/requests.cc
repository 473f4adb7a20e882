// POST /v1/requests/ID/cancel and /v1/requests/ID/end_thinking, where ID is that of a running
// request: its x-request-id, or the id of its reply.

#include "glmv/server/routes.h"

namespace glmv::server {
namespace {

std::string_view id_in(std::string_view path) {
  const size_t end = path.rfind('/');
  const size_t begin = path.rfind('/', end - 1) + 1;
  return path.substr(begin, end - begin);
}

void answer_found(const Call& call, bool found) {
  if (found)
    return send_json(call.reply, 200, {{"object", "request"}, {"found", true}}, call.request_id);
  fail(call, {404, "request_not_found",
              fmt::format("no request \"{}\" is being answered", id_in(call.request.path)), "", 0});
}

}  // namespace

void cancel_request(const Call& call) {
  answer_found(call, call.server.running().cancel(id_in(call.request.path)));
}

void end_thinking(const Call& call) {
  answer_found(call, call.server.running().end_thinking(id_in(call.request.path)));
}

}  // namespace glmv::server
