#pragma once
// From what Beast's parser read to a request. Private to this folder.

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

#include "glmv/net/http_types.h"

namespace glmv::net {

using RequestHead = boost::beast::http::header<true, boost::beast::http::fields>;

struct HeadProblem {
  int status = 0;  // 0: none
  std::string message;
};
// What a head gets wrong that the parser lets pass: a framing that a proxy in front could read in
// another way, no host or several, an encoding of the body.
HeadProblem head_problem(const RequestHead& head);

// Method, path, query and headers, as far as they were read.
HttpRequest read_head(const RequestHead& head, std::string peer);
HttpRequest to_request(boost::beast::http::request<boost::beast::http::string_body> from,
                       std::string peer);

}  // namespace glmv::net
