#include "glmv/server/api_error.h"

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

TEST(ApiError, FieldsOfTheEngineAreNamed) {
  const auto param = [](const char* message) {
    return to_api_error({Code::kInvalidArgument, message}).param;
  };
  EXPECT_EQ(param("logit_bias is nan, it must be in [-1000, 1000]"), "logit_bias");
  EXPECT_EQ(param("input_ids[1] is 99999, but the model's vocabulary has 796 ids"), "prompt");
  EXPECT_EQ(param("messages[2].content: must be a string"), "messages[2].content");
  EXPECT_EQ(param("prompt: is empty"), "prompt");
  EXPECT_EQ(param("the prompt is too long"), "");
  EXPECT_EQ(param("messages are long: cut them"), "");
}

TEST(ApiError, TransportErrorsHaveTheCodesOfTheTable) {
  const struct {
    int status;
    const char* type;
    const char* code;
  } rows[] = {{400, "invalid_request_error", "invalid_http"},
              {413, "invalid_request_error", "request_too_large"},
              {415, "invalid_request_error", "unsupported_media_type"},
              {431, "invalid_request_error", "header_too_large"},
              {500, "server_error", "internal_error"}};
  for (const auto& row : rows) {
    const Json error = to_json(unread_request(row.status, "why"))["error"];
    const char* message =
        row.status == 500
            ? "the server failed on this request; its log says why, under the request's id"
            : "why";
    EXPECT_EQ(
        error,
        (Json{{"message", message}, {"type", row.type}, {"param", nullptr}, {"code", row.code}}));
  }
}

// 429 would make clients try again what cannot succeed: it is for the limits of keys alone.
TEST(ApiError, OnlyWhatMayPassIsWorthAnotherTry) {
  const struct {
    Code code;
    const char* message;
    int status;
    const char* wire_code;
  } rows[] = {
      {Code::kInvalidArgument, "x", 400, "invalid_value"},
      {Code::kNotFound, "x", 404, "not_found"},
      {Code::kUnsupported, "x", 422, "unsupported_value"},
      {Code::kResourceExhausted, "no memory left for this request", 503, "resource_exhausted"},
      {Code::kResourceExhausted, "the prompt is too long: the maximum context length is 5 tokens",
       400, "context_length_exceeded"},
      {Code::kResourceExhausted, "media[0] has 9 patches", 422, "media_too_large"},
      {Code::kUnavailable, "x", 503, "unavailable"},
      {Code::kInternal, "x", 500, "internal_error"}};
  for (const auto& row : rows) {
    const ApiError error = to_api_error({row.code, row.message});
    EXPECT_EQ(error.status, row.status) << row.message;
    EXPECT_EQ(error.code, row.wire_code) << row.message;
    EXPECT_EQ(error.retry_after_s > 0, row.status == 503) << row.message;
  }
}

TEST(ApiError, BugsAreToldToTheLogOnly) {
  const ApiError error = to_api_error({Code::kInternal, "bad pointer 0x7ffe12"});
  EXPECT_EQ(error.detail, "bad pointer 0x7ffe12");
  EXPECT_EQ(to_json(error).dump().find("0x7ffe12"), std::string::npos);
}

// Also of what is no request yet.
TEST(ApiError, EveryRefusalCarriesItsRequestId) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const std::string head = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n";
  const struct {
    std::string bytes;
    int status;
    bool knows_id;
  } rows[] = {{head + "Content-Length: 99999999999\r\n\r\n", 413, true},
              {head + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 415, true},
              {head + "A: " + std::string(70'000, 'x') + "\r\n\r\n", 431, true},
              {head + "Host: y\r\n\r\n", 400, true},
              {"rubbish\r\n\r\n", 400, false}};
  for (const auto& row : rows) {
    net::TestConnection client(server.port());
    client.send(row.bytes);
    const auto answer = client.answer();
    EXPECT_EQ(answer.status, row.status) << answer.body;
    const std::string id = answer.headers.at("x-request-id");
    EXPECT_EQ(id == "mine", row.knows_id) << id;
    EXPECT_FALSE(id.empty());
    EXPECT_EQ(answer.headers.at("content-type"), "application/json");
    EXPECT_TRUE(Json::parse(answer.body)["error"]["message"].is_string());
  }
}

TEST(ApiError, HeadersOfRefusals) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const auto answer = server.ask("GET", "/v1/messages", "", "X-Request-Id: mine\r\n");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.headers.at("allow"), "POST");
  EXPECT_EQ(answer.headers.at("x-request-id"), "mine");
  EXPECT_EQ(answer.headers.at("request-id"), "mine");  // where Anthropic's client looks
}

}  // namespace
}  // namespace glmv::server
