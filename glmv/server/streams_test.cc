// Replies that outlive their connections.

#include <ctime>

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;
using namespace std::chrono_literals;

constexpr char kConversation[] =
    "X-Conversation-Id: a b\r\n";  // "a b" as it is, "a%20b" in a query

// The text of a stream's pieces, and how its numbers run.
struct Followed {
  std::string text;
  std::vector<int> ids;
  bool done = false;
  std::string stop_reason;
};

Followed read_events(const std::string& body) {
  Followed out;
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = body.find("\n\n", begin);
    if (end == std::string::npos) break;
    const std::string event = body.substr(begin, end - begin);
    begin = end + 2;
    if (!event.starts_with("id: ")) continue;  // a comment
    const size_t line = event.find('\n');
    out.ids.push_back(std::stoi(event.substr(4, line)));
    const std::string data = event.substr(event.find("data: ") + 6);
    if (data == "[DONE]") {
      out.done = true;
      continue;
    }
    const Json json = Json::parse(data);
    if (json.contains("error") || json["choices"].empty()) continue;
    out.stop_reason = json["choices"][0].value("stop_reason", out.stop_reason);
    if (!json["choices"][0]["delta"].contains("content")) continue;
    const Json& content = json["choices"][0]["delta"]["content"];
    if (content.is_string()) out.text += content.get<std::string>();
  }
  return out;
}

// What GET /v1/streams says of the only one.
Json listed(Fixture& server) {
  const Json list = Json::parse(server.ask("GET", "/v1/streams").body);
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["data"].size(), 1u);
  return list["data"].empty() ? Json::object() : list["data"][0];
}

void begin_and_leave(Fixture& server, EndlessBackend& backend) {
  net::TestConnection client(server.port());
  client.request("POST", "/v1/chat/completions", question({{"stream", true}}).dump(),
                 kConversation);
  backend.began.acquire();
}

TEST(Streams, AReplyThatEndedIsReadAgainFromAnyEvent) {
  api::ScriptedBackend backend({ScriptedReply::text({"one ", "two ", "three"})});
  Fixture server(backend);
  const auto answer = server.ask("POST", "/v1/chat/completions",
                                 question({{"stream", true}}).dump(), kConversation);
  const Followed first = read_events(answer.body);
  EXPECT_EQ(first.text, "one two three");
  ASSERT_TRUE(first.done);
  for (size_t i = 0; i < first.ids.size(); ++i) EXPECT_EQ(first.ids[i], static_cast<int>(i));

  const auto again = server.ask("GET", "/v1/stream?conv_id=a%20b");
  EXPECT_EQ(again.status, 200);
  EXPECT_TRUE(again.complete);
  EXPECT_EQ(again.headers.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(again.body, answer.body);
  for (size_t from = 0; from <= first.ids.size() + 1; ++from) {
    const auto rest = server.ask("GET", fmt::format("/v1/stream?conv_id=a%20b&from={}", from));
    const Followed part = read_events(rest.body);
    ASSERT_EQ(part.ids.size(), from > first.ids.size() ? 0 : first.ids.size() - from);
    if (!part.ids.empty()) {
      EXPECT_EQ(part.ids[0], static_cast<int>(from));
    }
  }
  const auto behind = server.ask("GET", "/v1/stream?conv_id=a%20b", {}, "Last-Event-ID: 1\r\n");
  EXPECT_EQ(read_events(behind.body).ids.at(0), 2);
}

TEST(Streams, GoOnWithoutTheirClient) {
  EndlessBackend backend;
  Fixture server(backend);
  begin_and_leave(server, backend);
  // A client that went would be noticed within a tenth of a second.
  EXPECT_FALSE(backend.ended.try_acquire_for(500ms));
  const Json row = listed(server);
  EXPECT_EQ(row["conversation_id"], "a b");
  EXPECT_EQ(row["status"], "running");
  EXPECT_TRUE(row["ended"].is_null());
  EXPECT_GE(row["num_events"].get<int>(), 1);
  std::thread end([&] {
    std::this_thread::sleep_for(100ms);
    backend.stop = true;
  });
  const auto answer = server.ask("GET", "/v1/stream?conv_id=a%20b");
  end.join();
  const Followed all = read_events(answer.body);
  EXPECT_TRUE(all.done);
  EXPECT_GT(all.text.size(), 50u);
  EXPECT_EQ(all.stop_reason, "");
  EXPECT_EQ(all.ids.front(), 0);
  EXPECT_EQ(all.ids.back() + 1, std::ssize(all.ids));
  EXPECT_EQ(listed(server)["status"], "done");
}

TEST(Streams, EndWhenAskedToAndSaySoToEverybody) {
  EndlessBackend backend;
  Fixture server(backend);
  begin_and_leave(server, backend);
  net::HttpAnswer beside;
  std::thread follower([&] { beside = server.ask("GET", "/v1/stream?conv_id=a%20b"); });
  const auto stop = [&] {
    return Json::parse(server.ask("DELETE", "/v1/stream?conv_id=a%20b").body)["found"];
  };
  EXPECT_EQ(stop(), true);
  EXPECT_TRUE(backend.ended.try_acquire_for(5s));
  follower.join();
  for (const net::HttpAnswer& answer : {beside, server.ask("GET", "/v1/stream?conv_id=a%20b")}) {
    EXPECT_TRUE(answer.complete);
    const Followed all = read_events(answer.body);
    EXPECT_TRUE(all.done);
    EXPECT_EQ(all.stop_reason, "cancelled");
    EXPECT_EQ(all.ids.front(), 0);
  }
  const Json row = listed(server);
  EXPECT_EQ(row["status"], "cancelled");
  EXPECT_NEAR(row["ended"].get<double>(), static_cast<double>(std::time(nullptr)), 10);
  EXPECT_EQ(stop(), true);  // it stays as it ended
  EXPECT_EQ(listed(server), row);
  EXPECT_EQ(Json::parse(server.ask("DELETE", "/v1/stream?conv_id=c").body)["found"], false);
}

TEST(Streams, AStopBehindTheEndChangesNothing) {
  api::ScriptedBackend backend({ScriptedReply::text({"all"})});
  Fixture server(backend);
  server.ask("POST", "/v1/chat/completions", question({{"stream", true}}).dump(), kConversation);
  EXPECT_EQ(Json::parse(server.ask("DELETE", "/v1/stream?conv_id=a%20b").body)["found"], true);
  EXPECT_EQ(listed(server)["status"], "done");
}

TEST(Streams, ErrorsAreListedAsSuch) {
  ScriptedReply broken = ScriptedReply::text({"one "});
  broken.error = Status{Code::kInternal, "a step failed"};
  api::ScriptedBackend backend({broken, ScriptedReply::failure({Code::kUnavailable, "gone"})});
  Fixture server(backend);
  for (const bool stream : {true, false}) {
    const auto answer = server.ask("POST", "/v1/chat/completions",
                                   question({{"stream", stream}}).dump(), kConversation);
    EXPECT_EQ(answer.status, stream ? 200 : 503);
    EXPECT_EQ(listed(server)["status"], "error");
    EXPECT_TRUE(listed(server)["ended"].is_number_integer());
  }
}

TEST(Streams, TheNextRequestOfAConversationEndsTheOneBefore) {
  EndlessBackend backend;
  Fixture server(backend);
  net::TestConnection first(server.port()), second(server.port());
  const std::string body = question({{"stream", true}}).dump();
  first.request("POST", "/v1/chat/completions", body, kConversation);
  backend.began.acquire();
  second.request("POST", "/v1/chat/completions", body, kConversation);
  backend.began.acquire();
  EXPECT_TRUE(backend.ended.try_acquire_for(5s));
  EXPECT_FALSE(backend.ended.try_acquire_for(100ms));
  backend.stop = true;
  EXPECT_TRUE(backend.ended.try_acquire_for(5s));
}

TEST(Streams, EndWithTheServerWhenNobodyListens) {
  EndlessBackend backend;
  Fixture server(backend);
  begin_and_leave(server, backend);
  server.server().start_draining();
  EXPECT_TRUE(backend.ended.try_acquire_for(5s));
}

TEST(Streams, WholeRepliesAndErrorsAreThereToo) {
  api::ScriptedBackend backend(
      {ScriptedReply::text({"all"}), ScriptedReply::failure({Code::kUnavailable, "gone"})});
  Fixture server(backend);
  for (const int status : {200, 503}) {
    const auto answer =
        server.ask("POST", "/v1/chat/completions", question().dump(), kConversation);
    EXPECT_EQ(answer.status, status);
    const auto again = server.ask("GET", "/v1/stream?conv_id=a%20b");
    EXPECT_EQ(again.status, status);
    EXPECT_EQ(again.body, answer.body);
  }
}

TEST(Streams, BelongToTheirKey) {
  api::ScriptedBackend backend({ScriptedReply::text({"secret"})});
  Fixture server(backend, {.model = "nano", .api_keys = {"anna one", "bert two"}});
  const std::string anna = "Authorization: Bearer one\r\n", bert = "Authorization: Bearer two\r\n";
  server.ask("POST", "/v1/chat/completions", question().dump(), anna + kConversation);
  EXPECT_EQ(server.ask("GET", "/v1/stream?conv_id=a%20b", {}, bert).status, 404);
  EXPECT_EQ(server.ask("GET", "/v1/stream?conv_id=a%20b").status, 401);
  EXPECT_EQ(server.ask("GET", "/v1/stream?conv_id=a%20b", {}, anna).status, 200);
  EXPECT_EQ(Json::parse(server.ask("DELETE", "/v1/stream?conv_id=a%20b", {}, bert).body)["found"],
            false);
  EXPECT_TRUE(Json::parse(server.ask("GET", "/v1/streams", {}, bert).body)["data"].empty());
}

TEST(Streams, OddRequests) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend);
  server.ask("POST", "/v1/chat/completions", question().dump(), "X-Conversation-Id: c\r\n");
  for (const char* path :
       {"/v1/stream", "/v1/stream?", "/v1/stream?conv_id", "/v1/stream?conv_id=",
        "/v1/stream?conv_id=%4", "/v1/stream?conv_id=c&from=-1", "/v1/stream?conv_id=c&from=x",
        "/v1/stream?conv_id=c&from=", "/v1/stream?conv_id=c&from=99999999999999999999"}) {
    EXPECT_EQ(server.ask("GET", path).status, 400) << path;
  }
  EXPECT_EQ(server.ask("GET", "/v1/stream?conv_id=d").status, 404);
  EXPECT_EQ(server.ask("GET", "/v1/stream?other=1&conv_id=c&from=0").status, 200);
  const std::string longer = "X-Conversation-Id: " + std::string(129, 'x') + "\r\n";
  EXPECT_EQ(server.ask("POST", "/v1/chat/completions", question().dump(), longer).status, 400);
}

TEST(ResumableReplies, WhatIsTooLargeIsForgotten) {
  ResumableReplies replies;
  const auto large = replies.open("", "large");
  const std::string piece(size_t{1} << 20, 'x');
  for (int i = 0; i < 31; ++i) large->add(piece);
  EXPECT_FALSE(large->forgotten());
  EXPECT_NE(replies.find("", "large"), nullptr);
  for (int i = 0; i < 2; ++i) large->add(piece);
  EXPECT_TRUE(large->forgotten());
  EXPECT_EQ(replies.find("", "large"), nullptr);
  // What ended makes room.
  for (int i = 0; i < 40; ++i) {
    const auto reply = replies.open("", std::to_string(i));
    for (int k = 0; k < 16; ++k) reply->add(piece);
    EXPECT_FALSE(reply->forgotten()) << i;
    reply->end(true, ReplyOutcome::kDone);
  }
  EXPECT_LT(replies.list("").size(), 20u);
  EXPECT_NE(replies.find("", "39"), nullptr);
}

}  // namespace
}  // namespace glmv::server
