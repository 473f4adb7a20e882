#include "glmv/net/http_call.h"

#include <utility>

namespace glmv::net {
namespace {

constexpr std::chrono::milliseconds kLookInterval{20};

}  // namespace

Result<TransferHead> http_call(const HttpCall& call) {
  TransferHead head;
  bool enough = false;
  TransferRequest request{.url = call.url,
                          .method = call.method,
                          .body = call.body,
                          .headers = call.headers,
                          .connect_timeout = call.connect_timeout,
                          .stall_timeout = call.silence_timeout};
  request.on_head = [&](const TransferHead& seen) {
    head = seen;
    return true;
  };
  request.on_body = [&](std::string_view bytes) {
    enough = call.on_body && !call.on_body(head, bytes);
    return !enough;
  };
  Transfers transfers(call.ca_file);
  transfers.start(std::move(request));
  while (true) {
    std::vector<TransferEnd> ends = transfers.wait(kLookInterval);
    if (!ends.empty()) {
      TransferEnd& end = ends.front();
      if (end.complete || enough) return std::move(end.head);
      return unavailable("{}", end.problem);
    }
    // Leaving destroys the transfer, which closes the connection.
    if (call.wanted && !call.wanted()) return cancelled("the answer is not wanted any more");
  }
}

}  // namespace glmv::net
