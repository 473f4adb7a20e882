#pragma once
// An HTTP/1.1 server: connections are coroutines on one or two threads (Boost.Asio and Beast),
// handlers run on threads of their own and may block. Chunked and whole bodies, keep-alive, limits
// of size and time; a client that goes away or does not read is noticed while its handler runs.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "glmv/base/result.h"
#include "glmv/net/http_types.h"

namespace glmv::net {

struct HttpServerOptions {
  std::string host = "127.0.0.1";        // an address, or a name that resolves to one
  uint16_t port = 0;                     // 0: any free one
  std::string unix_socket;               // path of a socket to listen on instead of host and port
  std::string tls_certificate, tls_key;  // PEM files: HTTPS instead of HTTP; both or none
  int num_io_threads = 1;
  int max_handlers = 256;      // at once; what comes beyond waits for a free one
  int max_connections = 4096;  // what comes beyond is closed
  size_t max_header_bytes = size_t{64} << 10;
  size_t max_body_bytes = size_t{256} << 20;
  size_t max_pending_bytes = size_t{256} << 10;  // of a reply that the client has not read
  std::chrono::seconds idle_timeout{75};         // of a connection between requests
  std::chrono::seconds read_timeout{60};         // for a request, from its first byte
  std::chrono::seconds write_timeout{30};        // without any progress
  std::chrono::seconds handshake_timeout{10};    // of TLS
};

// Called on a handler thread. An exception becomes a 500, or a cut connection once the reply began.
using HttpHandler = std::function<void(const HttpRequest& request, HttpReply& reply)>;
// The answer to an error that the server itself finds (400, 413, 415, 431, 501; 500 for a handler
// that threw or gave no reply). `head`: what could be read of the request, without its body.
using HttpErrorAnswer =
    std::function<HttpError(int status, const std::string& message, const HttpRequest& head)>;

class HttpServer {
 public:
  // Listens and serves. Errors: invalid_argument (address, certificate), not_found (its files),
  // unavailable (port or socket in use).
  static Result<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options,
                                                   HttpHandler handler,
                                                   HttpErrorAnswer error_answer);
  // Cuts what still runs: handlers see that their client is gone, and are waited for.
  virtual ~HttpServer() = default;

  virtual uint16_t port() const = 0;
  // No new connections, and replies say that theirs ends. False if handlers still run after
  // `timeout`.
  virtual bool drain(std::chrono::milliseconds timeout) = 0;
  virtual int num_connections() const = 0;
  virtual int num_handlers() const = 0;
};

// What start() would say of the certificate and its key, for those who find out before they do what
// takes long.
Result<void> check_tls_files(const HttpServerOptions& options);

// Reason phrase of a status: "Not Found".
std::string_view reason_phrase(int status);

}  // namespace glmv::net
