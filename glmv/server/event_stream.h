#pragma once
// The body of a streamed reply: server-sent events, or JSON lines. Headers go out with the first
// piece, so that what is wrong with a request is still an HTTP status; but a request that has
// waited for one interval of the heartbeat gets them then, and comments from there on, since
// proxies give up a connection that says nothing. JSON lines know no comment and wait.

#include <string>
#include <string_view>

#include "glmv/server/routes.h"

namespace glmv::server {

class EventStream {
 public:
  enum class Form { kEvents, kLines };

  EventStream(const Call& call, Form form, net::HttpHeaders more_headers)
      : call_(call), form_(form), more_headers_(std::move(more_headers)) {}

  bool begun() const { return begun_; }
  // The headers have waited long enough.
  bool is_overdue() const;
  // Sends the headers, once.
  void begin();
  // All false once the client is gone. `name`: of the event; empty: none is sent.
  bool send(const Json& json) { return send("", json); }
  bool send(std::string_view name, const Json& json);
  bool send_text(std::string_view data);
  void end() { call_.reply.finish(); }
  // Ends the connection without the end of the body.
  void cut() { call_.reply.abort(); }

 private:
  const Call& call_;
  const Form form_;
  const net::HttpHeaders more_headers_;
  bool begun_ = false;
};

}  // namespace glmv::server
