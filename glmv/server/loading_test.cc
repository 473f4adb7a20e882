// A server whose model is still being loaded.

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

// Without a model until start().
class EmptyServer {
 public:
  explicit EmptyServer(ServerOptions options = {.model = "nano"})
      : server_(std::move(options)),
        http_(*net::HttpServer::start(
            {}, [this](const net::HttpRequest& q, net::HttpReply& r) { server_.handle(q, r); },
            [this](int status, const std::string& message, const net::HttpRequest& head) {
              return server_.unread(status, message, head);
            })) {}

  net::HttpAnswer ask(std::string_view method, std::string_view path, const std::string& body = {},
                      std::string_view headers = {}) {
    net::TestConnection client(http_->port());
    return client.ask(method, path, body, headers);
  }
  void start(api::ChatBackend& backend) {
    server_.start_serving({.max_context_tokens = 4096, .family = "glm4v", .document_tokens = 77},
                          backend, service_);
  }
  Server& server() { return server_; }

 private:
  FakeService service_;
  Server server_;
  std::unique_ptr<net::HttpServer> http_;
};

TEST(Loading, WhatNeedsTheModelIsToldToComeAgain) {
  EmptyServer server;
  const std::string chat = question().dump();
  const struct {
    const char *method, *path;
    std::string body;
  } kCases[] = {{"POST", "/v1/chat/completions", chat},
                {"POST", "/v1/completions", R"({"prompt": "x"})"},
                {"GET", "/v1/models", ""},
                {"GET", "/v1/models/nano", ""},
                {"POST", "/tokenize", chat},
                {"GET", "/health_generate", ""},
                {"GET", "/api/info", ""},
                {"GET", "/props", ""},
                {"GET", "/ready", ""}};
  for (const auto& c : kCases) {
    const auto answer = server.ask(c.method, c.path, c.body);
    EXPECT_EQ(answer.status, 503) << c.path;
    const Json error = Json::parse(answer.body)["error"];
    EXPECT_EQ(error["code"], "loading") << c.path;
    EXPECT_EQ(error["type"], "overloaded_error") << c.path;
    EXPECT_EQ(answer.headers.at("retry-after"), "5") << c.path;
  }
  const auto messages = server.ask("POST", "/v1/messages", chat);
  EXPECT_EQ(messages.status, 503);
  EXPECT_EQ(Json::parse(messages.body)["type"], "error");
}

TEST(Loading, TheRestIsThere) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("glmv_loading_{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "index.html") << "the page";
  ServerOptions options{.model = "nano"};
  options.page = std::make_shared<const PageFiles>(*PageFiles::load(folder));
  EmptyServer server(std::move(options));
  EXPECT_EQ(server.ask("GET", "/").body, "the page");
  const auto health = server.ask("GET", "/health");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, "{}");
  EXPECT_EQ(server.ask("GET", "/version").status, 200);
  EXPECT_EQ(server.ask("GET", "/openapi.json").status, 200);
  EXPECT_EQ(server.ask("GET", "/nowhere").status, 404);
  EXPECT_EQ(server.ask("GET", "/v1/chat/completions").status, 405);
  server.ask("GET", "/v1/models");
  const std::string metrics = server.ask("GET", "/metrics").body;
  EXPECT_NE(metrics.find("code=\"loading\""), std::string::npos);
  EXPECT_EQ(metrics.find("engine_alive"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Loading, KeysAreAskedForFirst) {
  EmptyServer server({.model = "nano", .api_keys = {"secret"}});
  EXPECT_EQ(server.ask("GET", "/v1/models").status, 401);
  EXPECT_EQ(server.ask("GET", "/v1/models", {}, "x-api-key: secret\r\n").status, 503);
  EXPECT_EQ(server.ask("GET", "/ready").status, 503);
}

// Requests go on while the model comes.
TEST(Loading, EndsWithTheModel) {
  EmptyServer server;
  api::ScriptedBackend backend({api::ScriptedReply::text({"one"})});
  std::atomic<bool> ready = false;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (server.ask("GET", "/ready").status != 200) {
      }
      ready = true;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(ready);
  server.start(backend);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(server.ask("GET", "/v1/models").status, 200);
  EXPECT_EQ(server.ask("POST", "/v1/chat/completions", question().dump()).status, 200);
  EXPECT_NE(server.ask("GET", "/metrics").body.find("engine_alive"), std::string::npos);
  EXPECT_EQ(server.server().media().document_rule.max_tokens, 77);
}

}  // namespace
}  // namespace glmv::server
