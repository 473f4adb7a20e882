#include "glmv/server/api_error.h"

#include <algorithm>

#include "glmv/base/utf8.h"

namespace glmv::server {
namespace {

// Of what a client sent, so much comes back in an error at most.
constexpr size_t kMaxMessageBytes = 1000;
constexpr int kRetryAfterS = 5;
constexpr int kMaxBodyDepth = 64;

// Fields whose errors come from a backend.
constexpr std::string_view kPathStarts[] = {
    "messages", "prompt", "response_format", "structured_outputs",
    "guided_",  "tools",  "tool_choice",     "json_schema:",
    "regex:",   "ebnf:",  "grammar:"};

// "messages[2].content: must be ..." -> "messages[2].content"; empty for other text.
std::string leading_path(const std::string& message) {
  // The engine says "logit_bias is ...", and has the tokens of a prompt under a name of its own.
  if (message.starts_with("logit_bias")) return "logit_bias";
  if (message.starts_with("input_ids[")) return "prompt";
  const size_t colon = message.find(": ");
  const bool known = std::ranges::any_of(
      kPathStarts, [&](std::string_view start) { return message.starts_with(start); });
  if (colon == std::string::npos || !known) return {};
  const std::string path = message.substr(0, colon);
  return path.find(' ') == std::string::npos ? path : std::string();
}

// Levels of lists and objects; parse_json() bounds them.
int depth_of(const Json& json) {
  int depth = 0;
  if (json.is_structured()) {
    for (const Json& value : json) depth = std::max(depth, depth_of(value));
    ++depth;
  }
  return depth;
}

std::string default_code(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_value";
    case Code::kNotFound:
      return "not_found";
    case Code::kUnsupported:
      return "unsupported_value";
    case Code::kResourceExhausted:
      return "resource_exhausted";
    case Code::kCancelled:
      return "cancelled";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kInternal:
      return "internal_error";
  }
  return {};
}

}  // namespace

std::unexpected<ApiError> bad_field(std::string param, std::string message, std::string code) {
  message = param + ": " + message;
  return std::unexpected(ApiError{400, std::move(code), std::move(message), std::move(param), 0});
}

ApiError bug_error(std::string detail) {
  return {500,
          "internal_error",
          "the server failed on this request; its log says why, under the request's id",
          "",
          0,
          std::move(detail)};
}

ApiError unread_request(int status, const std::string& message) {
  switch (status) {
    case 413:
      return {status, "request_too_large", message, "", 0};
    case 415:
      return {status, "unsupported_media_type", message, "", 0};
    case 500:
      return bug_error(message);
    case 431:
      return {status, "header_too_large", message, "", 0};
    default:
      return {status, "invalid_http", message, "", 0};
  }
}

ApiError to_api_error(const Status& status) {
  // Its own text may tell of what is not the client's.
  if (status.code == Code::kInternal) return bug_error(status.message);
  ApiError error{http_status(status.code), default_code(status.code), status.message,
                 leading_path(status.message), 0};
  // Clients know a prompt that is too long by these words.
  if (status.message.find("maximum context length") != std::string::npos) {
    error.status = 400;
    error.code = "context_length_exceeded";
    error.message += " (context_length_exceeded)";  // some read the message only
    error.param = "messages";
  } else if (status.code == Code::kResourceExhausted && status.message.starts_with("media[")) {
    // The memory that pictures are encoded in is what the machine has beside all caches.
    error.status = 422;
    error.code = "media_too_large";
    error.param = "messages";
  }
  if (error.status == 503) error.retry_after_s = kRetryAfterS;
  return error;
}

std::string_view error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    case 500:
      return "server_error";
    case 501:
      return "not_supported_error";
    case 503:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

Json to_json(const ApiError& error) {
  std::string message = repair_utf8(error.message.substr(0, kMaxMessageBytes));
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json() : Json(text);
  };
  return {{"error",
           {{"message", std::move(message)},
            {"type", error_type(error.status)},
            {"param", text_or_null(error.param)},
            {"code", text_or_null(error.code)}}}};
}

std::string wire_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ApiResult<Json> parse_body(std::string_view body) {
  auto json = parse_json(body, "the body");
  if (!json) return std::unexpected(ApiError{400, "invalid_json", json.error().message, "", 0});
  if (depth_of(*json) > kMaxBodyDepth) {
    return std::unexpected(ApiError{
        400, "invalid_json",
        fmt::format("the body: JSON is nested more than {} levels deep", kMaxBodyDepth), "", 0});
  }
  if (json->is_object()) return std::move(*json);
  return std::unexpected(ApiError{400, "invalid_json", "the body must be a JSON object", "", 0});
}

std::optional<int32_t> token_id(const Json& json) {
  if (!json.is_number_integer() || json.get<double>() < 0 || json.get<double>() > INT32_MAX) {
    return std::nullopt;
  }
  return json.get<int32_t>();
}

}  // namespace glmv::server
