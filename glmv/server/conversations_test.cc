// /api/conversations and /api/blobs over the wire.

#include <filesystem>

#include "glmv/base/sha256.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

namespace fs = std::filesystem;

class Conversations : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / fmt::format("glmv_conversations_{}", ::getpid());
    fs::remove_all(folder_);
    std::vector<std::string> notices;
    options_.store = *store::ConversationStore::open(folder_, notices);
  }
  void TearDown() override {
    options_.store.reset();
    fs::remove_all(folder_);
  }

  fs::path folder_;
  ServerOptions options_{.model = "nano"};
  api::ScriptedBackend backend_{{}};
};

Json conversation(const std::string& id, const std::string& text) {
  return {{"conv", {{"id", id}, {"title", text}, {"updated", 5}, {"theirs", true}}},
          {"msgs", {{{"id", "m1"}, {"role", "user"}, {"text", text}}}}};
}

TEST_F(Conversations, ArePutListedFoundAndDeleted) {
  Fixture server(backend_, options_);
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/info").body)["store"], true);
  const auto put = server.ask("PUT", "/api/conversations/c1", conversation("c1", "apples").dump());
  ASSERT_EQ(put.status, 204) << put.body;
  const std::string etag = put.headers.at("etag");
  const auto got = server.ask("GET", "/api/conversations/c1");
  EXPECT_EQ(got.headers.at("etag"), etag);
  EXPECT_EQ(got.headers.at("cache-control"), "no-store");
  EXPECT_EQ(Json::parse(got.body)["conv"]["theirs"], true);
  EXPECT_EQ(Json::parse(got.body)["msgs"][0]["text"], "apples");

  const auto listed = server.ask("GET", "/api/conversations");
  const Json list = Json::parse(listed.body);
  ASSERT_EQ(list["data"].size(), 1u);
  EXPECT_EQ(list["data"][0]["title"], "apples");
  EXPECT_EQ(fmt::format("\"{}\"", list["data"][0]["version"].get<int64_t>()), etag);
  const std::string known = "If-None-Match: " + listed.headers.at("etag") + "\r\n";
  EXPECT_EQ(server.ask("GET", "/api/conversations", {}, known).status, 304);
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/conversations?q=appl").body)["data"].size(), 1u);
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/conversations?q=pears").body)["data"].size(), 0u);
  EXPECT_EQ(server.ask("GET", "/api/conversations?q=%4").status, 400);

  EXPECT_EQ(server.ask("DELETE", "/api/conversations/c1").status, 204);
  EXPECT_EQ(server.ask("DELETE", "/api/conversations/c1").status, 204);
  EXPECT_EQ(server.ask("GET", "/api/conversations/c1").status, 404);
  const auto after = server.ask("GET", "/api/conversations", {}, known);
  ASSERT_EQ(after.status, 200);
  EXPECT_EQ(Json::parse(after.body)["deleted"][0]["id"], "c1");
}

TEST_F(Conversations, AChangeOfAnotherIsNotOverwritten) {
  Fixture server(backend_, options_);
  const auto put = [&](const std::string& headers) {
    return server.ask("PUT", "/api/conversations/c1", conversation("c1", "x").dump(), headers);
  };
  const auto first = put("If-None-Match: *\r\n");
  ASSERT_EQ(first.status, 204);
  const auto again = put("If-None-Match: *\r\n");
  EXPECT_EQ(again.status, 412);
  EXPECT_EQ(Json::parse(again.body)["error"]["code"], "conversation_changed");
  const std::string match = "If-Match: " + first.headers.at("etag") + "\r\n";
  EXPECT_EQ(put(match).status, 204);
  EXPECT_EQ(put(match).status, 412);
  EXPECT_EQ(put("").status, 204);
  for (const char* bad : {"If-Match: 1\r\n", "If-Match: \"x\"\r\n", "If-Match: \"0\"\r\n",
                          "If-Match: \"1\", \"2\"\r\n", "If-Match: \"\r\n"}) {
    EXPECT_EQ(put(bad).status, 400) << bad;
  }
}

TEST_F(Conversations, WhatIsNotTaken) {
  Fixture server(backend_, options_);
  const auto status = [&](const std::string& path, const std::string& body) {
    return server.ask("PUT", "/api/conversations/" + path, body).status;
  };
  EXPECT_EQ(status("c2", conversation("c1", "x").dump()), 400);
  EXPECT_EQ(status("a.b", "{}"), 400);
  EXPECT_EQ(status("..", "{}"), 404);  // it names nothing in any path
  EXPECT_EQ(status(std::string(65, 'a'), "{}"), 400);
  EXPECT_EQ(status("c1", "{"), 400);
  EXPECT_EQ(status("c1", "[]"), 400);
  const auto bad = server.ask("PUT", "/api/conversations/c1",
                              R"({"conv": {"id": "c1"}, "msgs": [{"id": "m", "text": 3}]})");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(Json::parse(bad.body)["error"]["param"], "msgs[0].text");
  EXPECT_EQ(status("c1", conversation("c1", std::string(size_t{17} << 20, 'x')).dump()), 413);
}

TEST_F(Conversations, Bytes) {
  Fixture server(backend_, options_);
  const std::string bytes = "<script>alert(1)</script>";
  const std::string sha256 = Sha256().add(std::as_bytes(std::span(bytes))).digest().hex();
  const std::string path = "/api/blobs/" + sha256;
  EXPECT_EQ(server.ask("GET", path).status, 404);
  EXPECT_EQ(server.ask("PUT", path, "other").status, 400);
  EXPECT_EQ(server.ask("PUT", "/api/blobs/..", bytes).status, 404);
  // The test's client names application/json.
  ASSERT_EQ(server.ask("PUT", path, bytes).status, 204);
  const auto got = server.ask("GET", path);
  EXPECT_EQ(got.body, bytes);
  EXPECT_EQ(got.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(got.headers.at("content-security-policy"), "default-src 'none'; sandbox");
  EXPECT_EQ(got.headers.at("x-content-type-options"), "nosniff");
}

TEST_F(Conversations, BelongToTheirKeyWhereThereAreSeveral) {
  options_.api_keys = {"anna one", "bert two"};
  Fixture server(backend_, options_);
  const std::string anna = "Authorization: Bearer one\r\n", bert = "Authorization: Bearer two\r\n";
  const std::string body = conversation("c1", "apples").dump();
  EXPECT_EQ(server.ask("PUT", "/api/conversations/c1", body).status, 401);
  ASSERT_EQ(server.ask("PUT", "/api/conversations/c1", body, anna).status, 204);
  EXPECT_EQ(server.ask("GET", "/api/conversations/c1", {}, bert).status, 404);
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/conversations", {}, bert).body)["data"].size(), 0u);
  EXPECT_EQ(server.ask("DELETE", "/api/conversations/c1", {}, bert).status, 204);
  EXPECT_EQ(server.ask("GET", "/api/conversations/c1", {}, anna).status, 200);
}

TEST_F(Conversations, AreNotThereWithoutAStore) {
  Fixture server(backend_);
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/info").body)["store"], false);
  for (const char* path : {"/api/conversations", "/api/conversations/c1", "/api/blobs/00"}) {
    const auto none = server.ask("GET", path);
    EXPECT_EQ(none.status, 404);
    EXPECT_NE(none.body.find("--store"), std::string::npos);
  }
}

}  // namespace
}  // namespace glmv::server
