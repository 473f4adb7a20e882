// Streams that have nothing to say for a while: a proxy must not take them for dead.

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using namespace std::chrono_literals;

// Answers when it is told to, with looks until then, as an engine whose queue is long.
class QueuedBackend : public api::ChatBackend {
 public:
  explicit QueuedBackend(Result<api::ChatReply> end) : end_(std::move(end)) {}

  Result<api::ChatReply> chat(const api::ChatRequest&, const api::OnChunk& on_chunk) override {
    while (!go_on && on_chunk({})) std::this_thread::sleep_for(2ms);
    if (end_) on_chunk({.content = "late"});
    return end_;
  }
  std::atomic<bool> go_on = false;

 private:
  const Result<api::ChatReply> end_;
};

api::ChatReply whole_reply() {
  api::ChatReply reply;
  reply.finish_reason = "stop";
  return reply;
}

ServerOptions quick() { return {.model = "nano", .heartbeat_seconds = 0.05}; }

size_t num_comments(const std::string& bytes) {
  size_t num = 0;
  for (size_t at = 0; (at = bytes.find(": keep-alive\n\n", at)) != bytes.npos; ++at) ++num;
  return num;
}

// Asks, waits for three comments, and lets the backend go on.
net::HttpAnswer ask_and_wait(QueuedBackend& backend, std::string_view path, const Json& body) {
  Fixture server(backend, quick());
  net::TestConnection client(server.port());
  client.request("POST", path, body.dump());
  while (num_comments(client.received()) < 3 && client.more()) {
  }
  backend.go_on = true;
  return client.answer();
}

TEST(Heartbeat, GoesOutWhileARequestWaitsForItsTurn) {
  QueuedBackend backend(whole_reply());
  const auto answer = ask_and_wait(backend, "/v1/chat/completions", question({{"stream", true}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(answer.body.starts_with(": keep-alive\n\n"));
  EXPECT_GE(num_comments(answer.body), 3u);
  std::string events;  // without the comments
  for (size_t begin = 0; begin < answer.body.size();) {
    const size_t end = answer.body.find("\n\n", begin) + 2;
    if (answer.body[begin] != ':') events += answer.body.substr(begin, end - begin);
    begin = end;
  }
  const std::vector<std::string> data = server::events(events);
  ASSERT_GE(data.size(), 4u);
  EXPECT_EQ(Json::parse(data[0])["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(Json::parse(data[1])["choices"][0]["delta"]["content"], "late");
  EXPECT_EQ(data.back(), "[DONE]");
}

TEST(Heartbeat, ErrorsBehindItAreEvents) {
  const Status full{Code::kResourceExhausted, "the prompt is too long"};
  QueuedBackend backend{std::unexpected(full)};
  auto answer = ask_and_wait(backend, "/v1/chat/completions", question({{"stream", true}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete);
  EXPECT_NE(answer.body.find("data: {\"error\":{"), std::string::npos);
  EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n"));

  backend.go_on = false;
  answer = ask_and_wait(backend, "/v1/messages", question({{"stream", true}, {"max_tokens", 5}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("event: error\n"), std::string::npos);
}

TEST(Heartbeat, ErrorsBeforeItKeepTheirStatus) {
  QueuedBackend backend{std::unexpected(Status{Code::kInvalidArgument, "no such token"})};
  backend.go_on = true;
  Fixture server(backend);
  EXPECT_EQ(server.chat(question({{"stream", true}})).status, 400);
}

// They have no comments: headers alone would keep no proxy waiting, and cost the status.
TEST(Heartbeat, LinesOfJsonWaitForTheirFirst) {
  QueuedBackend backend{std::unexpected(Status{Code::kUnavailable, "gone"})};
  Fixture server(backend, quick());
  std::thread later([&] {
    std::this_thread::sleep_for(200ms);
    backend.go_on = true;
  });
  EXPECT_EQ(server.ask("POST", "/api/chat", question({{"stream", true}}).dump()).status, 503);
  later.join();
}

TEST(Heartbeat, AClientThatLeavesTheQueueIsNoticed) {
  QueuedBackend backend(whole_reply());
  Fixture server(backend, quick());
  {
    net::TestConnection client(server.port());
    client.request("POST", "/v1/chat/completions", question({{"stream", true}}).dump());
    while (num_comments(client.received()) < 1 && client.more()) {
    }
  }
  for (int i = 0; i < 500 && server.server().num_requests() > 0; ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(server.server().num_requests(), 0);
}

}  // namespace
}  // namespace glmv::server
