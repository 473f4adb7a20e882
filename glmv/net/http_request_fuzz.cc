// Any bytes give a request that has one reading only, or none; in one piece or cut in two.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "glmv/net/request_reading.h"

namespace {

namespace http = boost::beast::http;

std::optional<glmv::net::HttpRequest> read(std::string_view bytes, size_t cut) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(4096);
  parser.body_limit(65536);
  parser.eager(true);
  std::string held;  // what the parser has not taken yet
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    held += piece;
    boost::system::error_code error;
    while (!held.empty() && !parser.is_done()) {
      const size_t used = parser.put(boost::asio::buffer(held), error);
      held.erase(0, used);
      if (error == http::error::need_more || used == 0) break;
      if (error) return std::nullopt;
    }
  }
  if (!parser.is_done()) return std::nullopt;
  if (glmv::net::head_problem(parser.get()).status != 0) return std::nullopt;
  return glmv::net::to_request(parser.release(), "fuzz");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read(bytes, size);
  if (!whole) return 0;
  int num_hosts = 0;
  for (const auto& [name, value] : whole->headers) {
    if (glmv::net::HttpRequest{.headers = {{name, "x"}}}.header("host") == "x") ++num_hosts;
    if (value.find_first_of("\r\n") != value.npos) std::abort();
  }
  if (num_hosts > 1 || whole->path.find_first_of(" \r\n") != whole->path.npos) std::abort();
  const auto halves = read(bytes, size / 2);
  if (!halves || halves->path != whole->path || halves->body != whole->body ||
      halves->headers != whole->headers) {
    std::abort();
  }
  return 0;
}
