#pragma once
// Requests to hosts that the person at the keyboard has named (a model hub, a server as the model),
// over libcurl: several at once on one thread. No redirect is followed: where the next request
// goes, and with which headers, is the caller's decision. For URLs that clients of the server
// choose: media_fetcher.h.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/net/http_types.h"
#include "glmv/net/url.h"

namespace glmv::net {

struct TransferHead {
  int status = 0;  // 0: no answer came
  HttpHeaders headers;

  // Value of the last header of that name, in any case; "" where there is none.
  std::string_view header(std::string_view name) const;
};

struct TransferRequest {
  Url url;
  bool head_only = false;
  std::string method = "GET";
  std::string_view body;  // of another method than GET; outlives the transfer
  HttpHeaders headers;
  std::chrono::milliseconds connect_timeout{15'000};
  std::chrono::milliseconds stall_timeout{30'000};  // without a byte in either direction
  // Called before the first byte of the body, or at the end where there is none; false ends the
  // transfer.
  std::function<bool(const TransferHead&)> on_head;
  std::function<bool(std::string_view)> on_body;  // false ends the transfer; empty: not wanted
};

struct TransferEnd {
  int id = 0;
  TransferHead head;
  bool complete = false;  // the whole answer came
  std::string problem;    // where it did not: "Connection refused"
};

// Owned and used by one thread. Proxies of the environment (https_proxy, no_proxy) are used, but
// not for this machine itself; cookies, .netrc and compression are not.
class Transfers {
 public:
  // `ca_file`: PEM file with the certificates to trust; empty: the system's.
  explicit Transfers(std::string ca_file = {});
  Transfers(Transfers&&) noexcept;
  Transfers& operator=(Transfers&&) noexcept;
  ~Transfers();  // ends what runs

  // The id of the transfer, above 0. Its callbacks are called inside wait(), and may not call back.
  int start(TransferRequest request);
  // No more of its callbacks, and no end.
  void cancel(int id);
  // Those that ended; returns after `timeout` at the latest.
  std::vector<TransferEnd> wait(std::chrono::milliseconds timeout);
  int num_running() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace glmv::net
