#include "glmv/net/exchange.h"

#include <fmt/format.h>

#include <ctime>
#include <utility>

#include "glmv/base/check.h"
#include "glmv/net/http_server.h"

namespace glmv::net {
namespace {

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)};
}

// A header field on the wire; line ends in a value would begin another one.
void add_header(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ");
  for (const char c : value) to += c == '\r' || c == '\n' ? ' ' : c;
  to += "\r\n";
}

std::string as_chunk(const std::string& bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace

std::string Exchange::head(int status, const HttpHeaders& headers,
                           const std::string& framing) const {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  add_header(text, "Date", http_date());
  for (const auto& [name, value] : headers) add_header(text, name, value);
  if (!keep_alive_) add_header(text, "Connection", "close");
  return text + framing + "\r\n";
}

void Exchange::append(std::string bytes, bool ended) {
  {
    const std::lock_guard lock(mutex_);
    pending_ += bytes;
    ended_ = ended_ || ended;
  }
  wake_();
}

void Exchange::send(int status, const HttpHeaders& headers, std::string body) {
  GLMV_CHECK(!std::exchange(started_, true), "a reply was sent twice");
  const bool has_body = status != 204 && status != 304;
  std::string bytes =
      head(status, headers,
           has_body ? fmt::format("Content-Length: {}\r\n", body.size()) : std::string());
  if (!head_only_ && has_body) bytes += body;
  append(std::move(bytes), true);
}

void Exchange::start(int status, const HttpHeaders& headers, std::string heartbeat,
                     double heartbeat_seconds) {
  GLMV_CHECK(!std::exchange(started_, true), "a reply was begun twice");
  chunked_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (!heartbeat.empty()) heartbeat_ = as_chunk(heartbeat);
    heartbeat_seconds_ = heartbeat_seconds;
  }
  append(head(status, headers, "Transfer-Encoding: chunked\r\n"), false);
}

bool Exchange::write(std::string piece) {
  GLMV_CHECK(chunked_ && !ended_, "a piece outside of a reply");
  if (piece.empty() || head_only_) return !client_gone();
  {
    std::unique_lock lock(mutex_);
    const bool room = taken_.wait_for(
        lock, write_timeout_, [this] { return gone_ || pending_.size() < max_pending_bytes_; });
    gone_ = gone_ || !room;
    if (gone_) return false;
    pending_ += as_chunk(piece);
  }
  wake_();
  return true;
}

void Exchange::finish() {
  GLMV_CHECK(chunked_, "the end of a reply that was not begun");
  append(head_only_ ? "" : "0\r\n\r\n", true);
}

void Exchange::abort() {
  {
    const std::lock_guard lock(mutex_);
    started_ = aborted_ = ended_ = true;
  }
  wake_();
}

bool Exchange::client_gone() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

Exchange::Taken Exchange::take() {
  Taken out;
  {
    const std::lock_guard lock(mutex_);
    out = {std::exchange(pending_, {}), ended_, aborted_, heartbeat_, heartbeat_seconds_};
  }
  taken_.notify_all();
  return out;
}

void Exchange::lose_client() {
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
  }
  taken_.notify_all();
}

void Exchange::handler_returned(const std::function<HttpError()>& fallback) {
  if (!started_) {
    HttpError error = fallback();
    send(500, error.headers, std::move(error.body));
  } else if (!ended_) {
    abort();
  }
}

}  // namespace glmv::net
