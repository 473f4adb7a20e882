#include "glmv/server/api_error.h"

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

TEST(ApiError, FieldsOfTheEngineAreNamed) {
  const auto param = [](const char* message) {
    return to_api_error({Code::kInvalidArgument, message}).param;
  };
  EXPECT_EQ(param("logit_bias[0] is 99999, but the model's vocabulary has 796 ids"), "logit_bias");
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
        row.status == 500 ? "the server failed on this request; its log may say more" : "why";
    EXPECT_EQ(
        error,
        (Json{{"message", message}, {"type", row.type}, {"param", nullptr}, {"code", row.code}}));
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
