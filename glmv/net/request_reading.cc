#include "glmv/net/request_reading.h"

#include <boost/beast/core/string.hpp>
#include <iterator>

namespace glmv::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::iequals;

std::ptrdiff_t count(const RequestHead& head, http::field name) {
  const auto [begin, end] = head.equal_range(name);
  return std::distance(begin, end);
}

}  // namespace

HeadProblem head_problem(const RequestHead& head) {
  const std::ptrdiff_t num_encodings = count(head, http::field::transfer_encoding);
  if (num_encodings > 0 &&
      (num_encodings > 1 || !iequals(head[http::field::transfer_encoding], "chunked"))) {
    return {501, "send the body with Content-Length, or with Transfer-Encoding: chunked alone"};
  }
  if (num_encodings > 0 && count(head, http::field::content_length) > 0) {
    return {400, "send Content-Length or Transfer-Encoding, not both"};
  }
  if (num_encodings > 0 && head.version() < 11) {
    return {400, "HTTP/1.0 has no Transfer-Encoding"};
  }
  const std::ptrdiff_t num_hosts = count(head, http::field::host);
  if (num_hosts > 1 || (num_hosts == 0 && head.version() >= 11)) {
    return {400, "send one Host header"};
  }
  const auto encoding = head[http::field::content_encoding];
  if (!encoding.empty() && !iequals(encoding, "identity")) {
    return {415, "send the body without Content-Encoding"};
  }
  return {};
}

HttpRequest read_head(const RequestHead& head, std::string peer) {
  HttpRequest request;
  request.method = head.method_string();
  const std::string target(head.target());
  const size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  if (mark < target.size()) request.query = target.substr(mark + 1);
  for (const auto& field : head) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  request.peer = std::move(peer);
  return request;
}

HttpRequest to_request(http::request<http::string_body> from, std::string peer) {
  HttpRequest request = read_head(from.base(), std::move(peer));
  request.body = std::move(from.body());
  return request;
}

}  // namespace glmv::net
