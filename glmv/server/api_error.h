#pragma once
// Errors as OpenAI's clients know them: {"error": {"message", "type", "param", "code"}}.

#include <expected>
#include <optional>
#include <string>

#include "glmv/base/json.h"
#include "glmv/base/result.h"

namespace glmv::server {

struct ApiError {
  int status = 500;
  std::string code;  // "invalid_value"; empty: null
  std::string message;
  std::string param;        // path of the field, "messages[2].content[0].type"; empty: null
  int retry_after_s = 0;    // of a 429 or 503
  std::string detail = {};  // why, for the log of the server alone
};

template <class T>
using ApiResult = std::expected<T, ApiError>;

// 400 that names a field.
std::unexpected<ApiError> bad_field(std::string param, std::string message,
                                    std::string code = "invalid_value");

// 500: a bug, of which the client learns nothing but that it is none of his.
ApiError bug_error(std::string detail);

// A request that could not be read as HTTP: 400, 413, 415, 431; or a bug: 500.
ApiError unread_request(int status, const std::string& message);

// An error of a backend; its message may begin with the path of a field. What may pass is a 503
// that says when to come again; what no time changes is none.
ApiError to_api_error(const Status& status);

// The `type` of a status: "invalid_request_error".
std::string_view error_type(int status);
Json to_json(const ApiError& error);

// One line; what is no UTF-8 is replaced.
std::string wire_text(const Json& json);
// The object that is the body of a request.
ApiResult<Json> parse_body(std::string_view body);
// A token id, if it is one.
std::optional<int32_t> token_id(const Json& json);

}  // namespace glmv::server
