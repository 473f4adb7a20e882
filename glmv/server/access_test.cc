// Who may ask for what: keys, hosts, pages of other sites, odd spellings of a route.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "glmv/base/files.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

constexpr std::string_view kKey = "Authorization: Bearer secret\r\n";

TEST(Keys, NamesAndDigests) {
  const KeyRing ring({"alpha", "ci  beta", "", "  "}, {"ops gamma", "delta"});
  ASSERT_NE(ring.find("alpha"), nullptr);
  EXPECT_EQ(ring.find("alpha")->name, "key-1");
  EXPECT_EQ(ring.find("beta")->name, "ci");
  EXPECT_FALSE(ring.find("beta")->is_admin);
  EXPECT_EQ(ring.find("gamma")->name, "ops");
  EXPECT_TRUE(ring.find("gamma")->is_admin);
  EXPECT_EQ(ring.find("delta")->name, "admin-2");
  for (const char* wrong : {"", "alph", "alphaa", "ALPHA", "ci", "ci  beta", " ", "0"}) {
    EXPECT_EQ(ring.find(wrong), nullptr) << wrong;
  }
  EXPECT_TRUE(ring.has_user_keys() && ring.has_admin_keys());
  EXPECT_FALSE(KeyRing({}, {"a"}).has_user_keys());
  EXPECT_FALSE(KeyRing({"a"}, {}).has_admin_keys());
}

TEST(Keys, Files) {
  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("glmv_keys_{}", ::getpid());
  ASSERT_TRUE(write_file_atomic(path, "# of the team\nci abc\r\n\n  plain  \n"));
  EXPECT_EQ(*read_key_file(path.string()), (std::vector<std::string>{"ci abc", "plain"}));
  ASSERT_TRUE(write_file_atomic(path, "# nothing\n"));
  EXPECT_EQ(read_key_file(path.string()).error().code, Code::kInvalidArgument);
  std::filesystem::remove(path);
  EXPECT_EQ(read_key_file(path.string()).error().code, Code::kNotFound);
}

struct Spelling {
  const char* target;
  int with_key, without;
};

TEST(Routes, OddSpellingsOpenNothing) {
  api::ScriptedBackend backend({});
  Fixture server(backend,
                 {.model = "nano", .api_keys = {"secret"}, .allowed_hosts = {"localhost"}});
  const Spelling spellings[] = {{"/v1/models", 200, 401},
                                {"/v1/models?x=/health", 200, 401},
                                {"//v1/models", 404, 401},
                                {"/v1//models", 404, 401},
                                {"/v1/../v1/models", 404, 401},
                                {"/health/../v1/models", 404, 401},
                                {"/v1/./models", 404, 401},
                                {"/v1%2fmodels", 404, 401},
                                {"/%76%31/models", 404, 401},
                                {"/v1/models/", 404, 401},
                                {"/v1/models/a/b", 404, 401},
                                {"/V1/models", 404, 401},
                                {"/v1/models;x", 404, 401},
                                {"/v1/models#x", 404, 401},
                                {"/health/", 404, 401},
                                {"//health", 404, 401},
                                {"/Health", 404, 401},
                                {"/health%00", 404, 401},
                                {"http://localhost/v1/models", 404, 401},
                                {"http://localhost/health", 404, 401},
                                {"*", 404, 401},
                                {"v1/models", 404, 401},
                                {"/metrics", 200, 401},
                                {"/health", 200, 200},
                                {"/ready", 200, 200},
                                {"/health?x", 200, 200}};
  for (const Spelling& s : spellings) {
    EXPECT_EQ(server.ask("GET", s.target, "", kKey).status, s.with_key) << s.target;
    EXPECT_EQ(server.ask("GET", s.target).status, s.without) << s.target;
    for (const char* wrong :
         {"Authorization: Bearer wrong\r\n", "Authorization: Basic secret\r\n"}) {
      EXPECT_EQ(server.ask("GET", s.target, "", wrong).status, s.without)
          << s.target << " " << wrong;
    }
    for (const char* host : {"evil.example", "localhost.evil.example", "localhost@evil.example", "",
                             "127.0.0.1", "[::1]", "localhost:80:80", "http://localhost"}) {
      net::TestConnection client(server.port());
      client.send(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", s.target, host, kKey));
      EXPECT_EQ(client.answer().status, 403) << s.target << " at " << host;
    }
  }
  const std::string metrics = server.ask("GET", "/metrics", "", kKey).body;
  EXPECT_NE(metrics.find("code=\"invalid_api_key\"}"), std::string::npos);
  EXPECT_NE(metrics.find("code=\"route_not_found\"}"), std::string::npos);
  EXPECT_NE(metrics.find("code=\"forbidden\"}"), std::string::npos);
}

TEST(Keys, DoNotShareWhatWasComputed) {
  const auto salts = [](std::vector<std::string> keys) {
    api::ScriptedBackend backend(
        {api::ScriptedReply::text({"a"}), api::ScriptedReply::text({"b"})});
    Fixture server(backend, {.model = "nano", .api_keys = std::move(keys)});
    server.ask("POST", "/v1/chat/completions", question({{"cache_salt", "s"}}).dump(),
               "x-api-key: k1\r\n");
    server.ask("POST", "/v1/chat/completions", question().dump(), "x-api-key: k2\r\n");
    std::vector<std::string> out;
    for (const auto& request : backend.requests()) out.push_back(request.cache_salt);
    return out;
  };
  EXPECT_EQ(salts({"k1", "team k2"}), (std::vector<std::string>{"key-1/s", "team/"}));
  EXPECT_EQ(salts({"k1"}), std::vector<std::string>{"s"});
}

void touch(const Call& call) {
  send_json(call.reply, 200, {{"key", call.record.key}}, call.request_id);
}

TEST(Routes, AdminOnesNeedAnAdminKey) {
  static constexpr Route kTable[] = {{"GET", "/user", touch, ""},
                                     {"POST", "/admin", touch, "", "", false, true}};
  const auto status = [](const ServerOptions& options, const char* method, const char* path,
                         const std::string& key) {
    api::ScriptedBackend backend({});
    Fixture server(backend, options, kTable);
    const std::string header = key.empty() ? "" : "x-api-key: " + key + "\r\n";
    return server.ask(method, path, "{}", header).status;
  };
  const ServerOptions none{.model = "m"}, user{.model = "m", .api_keys = {"u"}},
      admin{.model = "m", .admin_api_keys = {"a"}},
      both{.model = "m", .api_keys = {"u"}, .admin_api_keys = {"a"}};
  EXPECT_EQ(status(none, "POST", "/admin", ""), 403);  // closed where there is no admin key
  EXPECT_EQ(status(user, "POST", "/admin", ""), 401);
  EXPECT_EQ(status(user, "POST", "/admin", "u"), 403);
  EXPECT_EQ(status(admin, "POST", "/admin", ""), 401);
  EXPECT_EQ(status(admin, "POST", "/admin", "a"), 200);
  EXPECT_EQ(status(admin, "GET", "/user", ""), 200);  // no user key is asked for
  EXPECT_EQ(status(both, "POST", "/admin", "u"), 403);
  EXPECT_EQ(status(both, "POST", "/admin", "x"), 401);
  EXPECT_EQ(status(both, "POST", "/admin", "a"), 200);
  EXPECT_EQ(status(both, "GET", "/user", "a"), 200);
  EXPECT_EQ(status(both, "GET", "/user", ""), 401);
}

TEST(Origins, OnlyPagesThatAreAllowed) {
  const auto status = [](std::vector<std::string> origins, const std::string& headers) {
    api::ScriptedBackend backend({});
    Fixture server(backend, {.model = "nano", .allowed_origins = std::move(origins)});
    return server.ask("GET", "/v1/models", "", headers);
  };
  EXPECT_EQ(status({}, "").status, 200);  // no browser
  EXPECT_EQ(status({}, "Origin: https://evil.example\r\n").status, 403);
  EXPECT_EQ(status({}, "Origin: null\r\n").status, 403);
  const auto own = status({}, "Origin: http://localhost\r\n");
  EXPECT_EQ(own.status, 200);
  EXPECT_FALSE(own.headers.contains("access-control-allow-origin"));
  EXPECT_EQ(status({}, "Origin: http://localhost:81\r\n").status,
            403);  // another server of this host
  const std::vector<std::string> one = {"https://app.example"};
  const auto allowed = status(one, "Origin: https://app.example\r\n");
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.headers.at("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(allowed.headers.at("vary"), "Origin");
  EXPECT_FALSE(allowed.headers.contains("access-control-allow-credentials"));
  for (const char* other : {"https://app.example.evil", "http://app.example",
                            "https://app.example:444", "https://APP.example", "null"}) {
    EXPECT_EQ(status(one, std::string("Origin: ") + other + "\r\n").status, 403) << other;
  }
  const auto any = status({"*"}, "Origin: https://evil.example\r\n");
  EXPECT_EQ(any.status, 200);
  EXPECT_EQ(any.headers.at("access-control-allow-origin"), "*");
  EXPECT_FALSE(any.headers.contains("access-control-allow-credentials"));
}

TEST(Origins, BrowsersMayAskFirst) {
  api::ScriptedBackend backend({api::ScriptedReply::text({"x"})});
  Fixture server(
      backend,
      {.model = "nano", .api_keys = {"secret"}, .allowed_origins = {"https://app.example"}});
  const std::string asks =
      "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: authorization,content-type,x-stainless-os\r\n";
  const auto answer = server.ask("OPTIONS", "/v1/chat/completions", "", asks);  // without a key
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers.at("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(answer.headers.at("access-control-allow-headers"),
            "authorization,content-type,x-stainless-os");
  EXPECT_NE(answer.headers.at("access-control-allow-methods").find("POST"), std::string::npos);
  net::TestConnection raw(server.port());
  raw.request("OPTIONS", "/v1/chat/completions", "", asks);
  while (raw.received().find("\r\n\r\n") == std::string::npos && raw.more()) {
  }
  EXPECT_EQ(raw.received().find("Content-Length"), std::string::npos);  // a 204 has none
  EXPECT_EQ(server
                .ask("OPTIONS", "/v1/models", "",
                     "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n")
                .status,
            403);
  EXPECT_EQ(server.ask("OPTIONS", "/v1/models", "", "Origin: https://app.example\r\n").status, 401);
  // The stream and the errors of an allowed page carry the headers too.
  net::TestConnection client(server.port());
  const auto stream =
      client.ask("POST", "/v1/chat/completions", question({{"stream", true}}).dump(),
                 std::string(kKey) + "Origin: https://app.example\r\n");
  EXPECT_EQ(stream.headers.at("access-control-allow-origin"), "https://app.example");
  const auto refused = server.ask("GET", "/v1/models", "", "Origin: https://app.example\r\n");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.at("access-control-allow-origin"), "https://app.example");
  // Off by default: no route takes OPTIONS.
  Fixture plain(backend);
  EXPECT_EQ(plain.ask("OPTIONS", "/v1/models").status, 405);
}

}  // namespace
}  // namespace glmv::server
