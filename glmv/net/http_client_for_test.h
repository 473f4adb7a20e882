#pragma once
// A client of few words: what goes over the wire is what a test says.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "glmv/net/http_types.h"

namespace glmv::net {

// What a server under test says to what it finds wrong itself.
inline HttpError text_error(int, const std::string& message, const HttpRequest&) {
  return {{}, message};
}

struct HttpAnswer {
  int status = 0;                              // 0: the connection ended before one came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // chunks joined
  bool complete = false;                       // the body came to its end
};

class TestConnection {
 public:
  explicit TestConnection(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ok_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  virtual ~TestConnection() { close(); }
  TestConnection(const TestConnection&) = delete;
  TestConnection& operator=(const TestConnection&) = delete;

  bool ok() const { return ok_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = write_some(bytes.data(), bytes.size());
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }
  void request(std::string_view method, std::string_view path, std::string_view body = {},
               std::string_view headers = {}) {
    std::string text;
    text.append(method)
        .append(" ")
        .append(path)
        .append(" HTTP/1.1\r\nHost: localhost\r\n")
        .append(headers);
    if (!body.empty()) {
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n";
    }
    send(text.append("\r\n").append(body));
  }
  // More of what comes; false at the end of the connection.
  bool more() {
    char bytes[4096];
    const ssize_t n = read_some(bytes, sizeof bytes);
    if (n <= 0) return false;
    received_.append(bytes, static_cast<size_t>(n));
    return true;
  }
  const std::string& received() const { return received_; }

  HttpAnswer answer() {
    HttpAnswer out;
    size_t end;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return out;
    }
    read_head(received_.substr(0, end + 2), out);
    received_.erase(0, end + 4);
    if (out.headers["transfer-encoding"] == "chunked") {
      out.complete = read_chunks(out.body);
      return out;
    }
    const size_t length = std::strtoull(out.headers["content-length"].c_str(), nullptr, 10);
    while (received_.size() < length && more()) {
    }
    out.complete = received_.size() >= length;
    out.body = received_.substr(0, length);
    received_.erase(0, length);
    return out;
  }
  HttpAnswer ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view headers = {}) {
    request(method, path, body, headers);
    return answer();
  }

 protected:
  virtual ssize_t write_some(const char* data, size_t size) {
    return ::send(fd_, data, size, MSG_NOSIGNAL);
  }
  virtual ssize_t read_some(char* data, size_t size) { return ::recv(fd_, data, size, 0); }
  int fd() const { return fd_; }

 private:
  static void read_head(const std::string& head, HttpAnswer& out) {
    out.status = std::atoi(head.c_str() + head.find(' ') + 1);
    for (size_t begin = head.find("\r\n") + 2; begin < head.size();) {
      const size_t end = head.find("\r\n", begin);
      const size_t colon = head.find(':', begin);
      std::string name = head.substr(begin, colon - begin);
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      out.headers[name] = head.substr(colon + 2, end - colon - 2);
      begin = end + 2;
    }
  }
  bool read_chunks(std::string& body) {
    while (true) {
      size_t line;
      while ((line = received_.find("\r\n")) == std::string::npos) {
        if (!more()) return false;
      }
      size_t size = 0;
      std::from_chars(received_.data(), received_.data() + line, size, 16);
      while (received_.size() < line + 2 + size + 2) {
        if (!more()) return false;
      }
      body += received_.substr(line + 2, size);
      received_.erase(0, line + 2 + size + 2);
      if (size == 0) return true;
    }
  }

  int fd_;
  bool ok_ = false;
  std::string received_;
};

}  // namespace glmv::net
