#pragma once
// One request on its way: the reply that a handler thread writes and a connection reads. Private to
// this folder.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "glmv/net/http_types.h"

namespace glmv::net {

class Exchange final : public HttpReply {
 public:
  // `wake` is called (from any thread, without locks held) when there is something to take.
  Exchange(size_t max_pending_bytes, std::chrono::milliseconds write_timeout, bool keep_alive,
           bool head_only, std::function<void()> wake)
      : max_pending_bytes_(max_pending_bytes),
        write_timeout_(write_timeout),
        keep_alive_(keep_alive),
        head_only_(head_only),
        wake_(std::move(wake)) {}

  void send(int status, const HttpHeaders& headers, std::string body) override;
  void start(int status, const HttpHeaders& headers, std::string heartbeat,
             double heartbeat_seconds) override;
  bool write(std::string piece) override;
  void finish() override;
  void abort() override;
  bool client_gone() const override;

  // The connection's side.
  struct Taken {
    std::string bytes;
    bool ended = false;     // nothing follows
    bool aborted = false;   // the connection must be cut
    std::string heartbeat;  // to be sent when nothing else is, as it goes over the wire
    double heartbeat_seconds = 0;
  };
  Taken take();
  void lose_client();
  bool keep_alive() const { return keep_alive_; }
  // The handler returned: a reply that never began becomes `fallback`, one that never ended is cut.
  void handler_returned(const std::function<HttpError()>& fallback);

 private:
  std::string head(int status, const HttpHeaders& headers, const std::string& framing) const;
  void append(std::string bytes, bool ended);

  const size_t max_pending_bytes_;
  const std::chrono::milliseconds write_timeout_;
  const bool keep_alive_;
  const bool head_only_;
  const std::function<void()> wake_;

  mutable std::mutex mutex_;
  std::condition_variable taken_;
  std::string pending_;
  std::string heartbeat_;
  double heartbeat_seconds_ = 0;
  bool started_ = false;
  bool chunked_ = false;
  bool ended_ = false;
  bool aborted_ = false;
  bool gone_ = false;
};

}  // namespace glmv::net
