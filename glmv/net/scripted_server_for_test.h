#pragma once
// A server that answers each request with the bytes that a test says, when it says.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace glmv::net {

// One connection at a time, one request on each.
class ScriptedServer {
 public:
  class Peer {
   public:
    explicit Peer(int socket) : socket_(socket) {}
    bool send(std::string_view bytes) const {
      while (!bytes.empty()) {
        const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<size_t>(n));
      }
      return true;
    }
    // Whether the client closes within that time.
    bool gone_within(std::chrono::milliseconds time) const {
      pollfd entry{socket_, POLLIN, 0};
      char c = 0;
      return ::poll(&entry, 1, static_cast<int>(time.count())) > 0 &&
             ::recv(socket_, &c, 1, MSG_PEEK) <= 0;
    }
    // The end of the connection comes as a reset.
    void reset() const {
      const linger now{1, 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }

   private:
    int socket_;
  };
  struct Request {
    std::string head;  // with its empty line
    std::string body;
  };
  using Answer = std::function<void(const Peer&, const Request&)>;

  explicit ScriptedServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~ScriptedServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }

  uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static Request read(int socket) {
    Request request;
    char bytes[4096];
    const timeval limit{5, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    size_t end = std::string::npos, length = 0;
    std::string all;
    while (end == std::string::npos || all.size() < end + 4 + length) {
      const ssize_t n = ::recv(socket, bytes, sizeof bytes, 0);
      if (n <= 0) break;
      all.append(bytes, static_cast<size_t>(n));
      if (end != std::string::npos || (end = all.find("\r\n\r\n")) == std::string::npos) continue;
      const size_t field = all.find("Content-Length: ");
      if (field < end) length = std::strtoull(all.c_str() + field + 16, nullptr, 10);
    }
    end = std::min(end, all.size());
    request.head = all.substr(0, end);
    if (end + 4 <= all.size()) request.body = all.substr(end + 4);
    return request;
  }
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd entry{listener_, POLLIN, 0};
      if (::poll(&entry, 1, 20) <= 0) continue;
      const int socket = ::accept(listener_, nullptr, nullptr);
      const Request request = read(socket);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      answer_(Peer(socket), request);
      ::close(socket);
    }
  }

  Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::jthread thread_;
};

}  // namespace glmv::net
