#pragma once
// A server over a scripted backend on a real socket, for the tests of this folder.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <semaphore>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "glmv/api/scripted_backend.h"
#include "glmv/net/http_client_for_test.h"
#include "glmv/net/http_server.h"
#include "glmv/server/routes.h"
#include "glmv/server/server.h"

namespace glmv::server {

// Words are tokens: their numbers.
class FakeService : public api::ModelService {
 public:
  Result<std::vector<int32_t>> tokenize(const api::RawPrompt& prompt) const override {
    if (prompt.text == "bad") return invalid_argument("no UTF-8");
    const int32_t plain = prompt.tokens_in_text == text::TokensInText::kNone ? 1000 : 0;
    std::vector<int32_t> ids = {static_cast<int32_t>(prompt.text.size()) + plain};
    if (prompt.add_special_tokens) ids.insert(ids.begin(), 7);
    return ids;
  }
  std::string detokenize(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) text += "<" + std::to_string(id) + ">";
    return text;
  }
  Result<api::PromptTokens> prompt_tokens(const api::ChatRequest&) const override {
    return api::PromptTokens{{1, 9, 9, 2}, {{"image", 28, 56, {1, 2, 4}, 2}}};
  }
  Result<std::string> prompt_text(const api::ChatRequest& request) const override {
    return "[gMASK]" + request.messages[0].text();
  }
  std::string chat_template() const override { return "{{ messages }}"; }
  api::ModelMetrics metrics() const override {
    api::ModelMetrics m = state;
    m.num_running = 2;
    m.prompt_tokens = 70;
    m.cached_tokens = 30;
    m.cache_blocks = 8;
    m.used_cache_blocks = 2;
    m.cache_block_tokens = 64;
    return m;
  }
  api::ModelMetrics state;  // the rest; not to be changed while requests run
};

class Fixture {
 public:
  explicit Fixture(api::ChatBackend& backend, ServerOptions options = {.model = "nano"},
                   std::span<const Route> table = routes())
      : server_(std::move(options), table),
        http_(*net::HttpServer::start(
            {}, [this](const net::HttpRequest& q, net::HttpReply& r) { server_.handle(q, r); },
            [this](int status, const std::string& message, const net::HttpRequest& head) {
              return server_.unread(status, message, head);
            })) {
    server_.start_serving(
        {.max_context_tokens = 4096, .fingerprint = "glmv-test", .family = "glm4v"}, backend,
        service_);
  }

  net::HttpAnswer ask(std::string_view method, std::string_view path, const std::string& body = {},
                      std::string_view headers = {}) {
    net::TestConnection client(http_->port());
    return client.ask(method, path, body, headers);
  }
  net::HttpAnswer chat(const Json& body) {
    return ask("POST", "/v1/chat/completions", body.dump());
  }
  uint16_t port() const { return http_->port(); }
  Server& server() { return server_; }
  FakeService& service() { return service_; }

 private:
  FakeService service_;
  Server server_;
  std::unique_ptr<net::HttpServer> http_;
};

// Base64 of a PNG of 2 x 1 pixels.
inline constexpr char kTinyPng[] =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR4nGP4zwAE/wEHAAH/"
    "4iOeWQAAAABJRU5ErkJggg==";

inline Json question(const Json& more = Json::object()) {
  Json body = {{"model", "nano"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  body.update(more);
  return body;
}

// The events of a stream; the last is "[DONE]".
inline std::vector<std::string> events(const std::string& body) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = body.find("\n\n", begin);
    EXPECT_NE(end, std::string::npos);
    const std::string event = body.substr(begin, end - begin);
    if (event.starts_with("data: ")) out.push_back(event.substr(6));
    begin = end + 2;
  }
  return out;
}

// Goes on until it is told to stop.
class EndlessBackend : public api::ChatBackend {
 public:
  Result<api::ChatReply> chat(const api::ChatRequest&, const api::OnChunk& on_chunk) override {
    began.release();
    while (!stop && on_chunk({.content = "x"}))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ended.release();
    api::ChatReply reply;
    reply.finish_reason = stop ? "stop" : "cancelled";
    return reply;
  }
  std::counting_semaphore<100> began{0}, ended{0};
  std::atomic<bool> stop = false;
};

}  // namespace glmv::server
