#include "glmv/server/route_match.h"

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

// The pieces with bars between them; "no" for another path.
std::string matched(std::string_view pattern, std::string_view path) {
  const auto pieces = match_path(pattern, path);
  if (!pieces) return "no";
  std::string text;
  for (const std::string_view piece : *pieces)
    text += (text.empty() ? "" : "|") + std::string(piece);
  return text;
}

TEST(RouteMatch, StarsStandForPartsOfThePath) {
  EXPECT_EQ(matched("/v1/models", "/v1/models"), "");
  EXPECT_EQ(matched("/v1/models", "/v1/models/"), "no");
  EXPECT_EQ(matched("/a/*/b", "/a/x/b"), "x");
  EXPECT_EQ(matched("/a/*/b/*", "/a/x/b/y%2Fz"), "x|y%2Fz");
  for (const char* path :
       {"/a//b", "/a/x", "/a/x/c", "/a/x/b/", "/a/x/y/b", "/A/x/b", "/a/x%2Fb"}) {
    EXPECT_EQ(matched("/a/*/b", path), "no") << path;
  }
  EXPECT_EQ(matched("/m/**", "/m/x"), "x");
  EXPECT_EQ(matched("/m/**", "/m/owner/name"), "owner/name");
  for (const char* path : {"/m", "/m/", "/m//x", "/m/x/", "/m/x//y", "/%6d/x"}) {
    EXPECT_EQ(matched("/m/**", path), "no") << path;
  }
}

TEST(RouteMatch, NamesAreDecodedOnce) {
  EXPECT_EQ(*name_in_path("owner%2Fname"), "owner/name");
  EXPECT_EQ(*name_in_path("owner/name"), "owner/name");
  EXPECT_EQ(*name_in_path("%2541%C3%a9"), "%41\xc3\xa9");
  const auto status = [](std::string_view piece) {
    const auto name = name_in_path(piece);
    return name ? 200 : name.error().status;
  };
  for (const char* piece : {"%", "a%4", "%zz", "%+1", "%00", "a%0d%0ab", "%7f", "%ff", "%c3"}) {
    EXPECT_EQ(status(piece), 400) << piece;
  }
  for (const char* piece : {"..", "%2e%2e", ".", "a/../b", "..%2fa", "a%2F%2e"}) {
    EXPECT_EQ(status(piece), 404) << piece;
  }
  EXPECT_EQ(status("a..b"), 200);
}

// Models of hubs are called owner/name.
TEST(RouteMatch, AModelIsShownByANameWithASlash) {
  api::ScriptedBackend backend({});
  Fixture server(backend, {.model = "zai-org/GLM 4.6V"});
  for (const char* path : {"/v1/models/zai-org/GLM%204.6V", "/v1/models/zai-org%2FGLM%204.6V",
                           "/v1/models/zai-org%2fGLM%204.6V"}) {
    const auto answer = server.ask("GET", path);
    EXPECT_EQ(answer.status, 200) << path << answer.body;
    EXPECT_EQ(Json::parse(answer.body)["id"], "zai-org/GLM 4.6V");
  }
  for (const char* path : {"/v1/models/GLM%204.6V", "/v1/models/other/GLM%204.6V",
                           "/v1/models/zai-org", "/v1/models/zai-org%252FGLM%204.6V"}) {
    const auto answer = server.ask("GET", path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "model_not_found") << path;
  }
}

TEST(RouteMatch, HostilePathsAreToldApart) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const struct {
    const char* path;
    int status;
    const char* code;
  } rows[] = {{"/v1/models/%00", 400, "invalid_value"},
              {"/v1/models/na%", 400, "invalid_value"},
              {"/v1/models/na%4no", 400, "invalid_value"},
              {"/v1/models/%c0%ae%c0%ae", 400, "invalid_value"},
              {"/v1/models/%2e%2e", 404, "route_not_found"},
              {"/v1/models/../models/nano", 404, "route_not_found"},
              {"/v1/models/..%2f..%2fhealth", 404, "route_not_found"},
              {"/%76%31/models/nano", 404, "route_not_found"},
              {"/api/files/%2e%2e", 404, "route_not_found"},
              {"/assets/%2e%2e", 404, "route_not_found"}};
  for (const auto& row : rows) {
    const auto answer = server.ask("GET", row.path);
    EXPECT_EQ(answer.status, row.status) << row.path << answer.body;
    EXPECT_EQ(Json::parse(answer.body)["error"]["code"], row.code) << row.path;
  }
}

// Its id is what the client chose, and may hold a slash too.
TEST(RouteMatch, ARequestIsCancelledByAnyId) {
  EndlessBackend backend;
  Fixture server(backend);
  std::jthread asking([&] {
    const auto answer =
        server.ask("POST", "/v1/chat/completions", question().dump(), "X-Request-Id: job/7\r\n");
    EXPECT_EQ(answer.status, 200) << answer.body;
  });
  backend.began.acquire();
  EXPECT_EQ(server.ask("POST", "/v1/requests/job%2F8/cancel").status, 404);
  EXPECT_EQ(server.ask("POST", "/v1/requests/job%2F7/cancel").status, 200);
  backend.ended.acquire();
}

}  // namespace
}  // namespace glmv::server
