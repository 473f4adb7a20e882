#pragma once
// One request to a server that the person at the keyboard has named, its answer read while it
// comes.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "glmv/net/transfers.h"

namespace glmv::net {

struct HttpCall {
  Url url;
  std::string method = "GET";
  HttpHeaders headers;
  std::string_view body;  // outlives the call
  std::string ca_file;    // PEM with the certificates to trust; empty: the system's
  std::chrono::milliseconds connect_timeout{10'000};  // for name, connection and TLS
  std::chrono::milliseconds silence_timeout{60'000};  // without a byte in either direction
  // Asked every 20 ms; false closes the connection at once. May be empty.
  std::function<bool()> wanted;
  // Bytes of the body as they come; false: the rest is not wanted, and the call ends well.
  std::function<bool(const TransferHead& head, std::string_view bytes)> on_body;
};

// As one of transfers.h. Errors: cancelled (not wanted any more), unavailable (no connection, TLS,
// silence, a connection that was cut; the text says which).
Result<TransferHead> http_call(const HttpCall& call);

}  // namespace glmv::net
