#pragma once
// What an HTTP handler sees of a request, and how it answers.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;  // upper case
  std::string path;    // of the target, up to "?", percent-decoded never: compared as it came
  std::string query;   // behind "?"
  HttpHeaders headers;
  std::string body;
  std::string peer;  // address of the client; "unix" for a socket file

  // Value of the first header of that name, in any case; "" where there is none.
  std::string_view header(std::string_view name) const;
  // Value of the first query parameter of that name, percent-decoded. invalid_argument where it
  // cannot be decoded.
  Result<std::optional<std::string>> parameter(std::string_view name) const;
};

// A whole answer but for its status.
struct HttpError {
  HttpHeaders headers;
  std::string body;
};

// The answer to one request: either send(), or start(), write()..., and finish() or abort(). Used
// by one thread, the handler's.
class HttpReply {
 public:
  virtual ~HttpReply() = default;

  virtual void send(int status, const HttpHeaders& headers, std::string body) = 0;

  // A body in pieces. While nothing is written for `heartbeat_seconds`, `heartbeat` goes out.
  virtual void start(int status, const HttpHeaders& headers, std::string heartbeat = {},
                     double heartbeat_seconds = 10) = 0;
  // Waits while the client is behind by more than a buffer. False once it is gone, or does not
  // read.
  virtual bool write(std::string piece) = 0;
  virtual void finish() = 0;
  // Closes the connection without the end of the body: the client sees an error.
  virtual void abort() = 0;

  virtual bool client_gone() const = 0;  // closed or reset; noticed within a tenth of a second
};

}  // namespace glmv::net
