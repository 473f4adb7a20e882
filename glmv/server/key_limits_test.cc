#include "glmv/server/key_limits.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const KeyMeters::Clock::time_point kStart{std::chrono::hours(1)};
const std::array<std::string, 2> kNames = {"anna", "ben"};

TEST(KeyMeters, RequestsComeBackWithTime) {
  KeyMeters meters({.requests_per_minute = 3}, kNames, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(meters.begin("anna", kStart));
  const auto refused = meters.begin("anna", kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 429);
  EXPECT_EQ(refused.error().code, "rate_limit_exceeded");
  EXPECT_EQ(refused.error().retry_after_s, 20);
  EXPECT_NE(refused.error().message.find("\"anna\" has 3 requests a minute"), std::string::npos);
  EXPECT_TRUE(meters.begin("ben", kStart));
  EXPECT_EQ(meters.begin("anna", kStart + seconds(13)).error().retry_after_s, 7);
  // What is refused costs nothing, and who waits as told comes in.
  EXPECT_TRUE(meters.begin("anna", kStart + seconds(20)));
  EXPECT_FALSE(meters.begin("anna", kStart + seconds(20)));
  // Not more than a minute's requests are saved.
  const auto later = kStart + seconds(100'000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(meters.begin("anna", later));
  EXPECT_FALSE(meters.begin("anna", later));
  // A time before the last one gives nothing and takes nothing.
  EXPECT_FALSE(meters.begin("anna", kStart));
  EXPECT_FALSE(meters.begin("anna", later));
}

TEST(KeyMeters, TokensAreOwedUntilTheyAreBack) {
  KeyMeters meters({.tokens_per_minute = 600}, kNames, kStart);
  EXPECT_TRUE(meters.begin("anna", kStart));
  meters.charge("anna", 1199, kStart);
  const auto refused = meters.begin("anna", kStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry_after_s, 60);
  EXPECT_NE(refused.error().message.find("600 tokens a minute"), std::string::npos);
  EXPECT_FALSE(meters.begin("anna", kStart + milliseconds(59'800)));
  EXPECT_TRUE(meters.begin("anna", kStart + seconds(60)));
}

TEST(KeyMeters, RequestsAtOnce) {
  KeyMeters meters({.requests_at_once = 2}, kNames, kStart);
  EXPECT_TRUE(meters.begin("anna", kStart));
  EXPECT_TRUE(meters.begin("anna", kStart));
  EXPECT_EQ(meters.begin("anna", kStart).error().retry_after_s, 1);
  EXPECT_TRUE(meters.begin("ben", kStart));
  meters.end("anna");
  EXPECT_TRUE(meters.begin("anna", kStart));
  EXPECT_FALSE(meters.begin("anna", kStart));
  EXPECT_TRUE(meters.headers("anna", kStart).empty());
}

TEST(KeyMeters, OthersHaveNone) {
  KeyMeters meters({.requests_per_minute = 1, .tokens_per_minute = 1, .requests_at_once = 1},
                   kNames, kStart);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(meters.begin("admin-1", kStart));
  meters.charge("admin-1", 1000, kStart);
  EXPECT_TRUE(meters.begin("", kStart));
  EXPECT_TRUE(meters.headers("", kStart).empty());
  KeyMeters unlimited({}, kNames, kStart);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(unlimited.begin("anna", kStart));
  EXPECT_TRUE(unlimited.headers("anna", kStart).empty());
}

TEST(KeyMeters, HeadersSayWhatIsLeft) {
  KeyMeters meters({.requests_per_minute = 30, .tokens_per_minute = 120}, kNames, kStart);
  EXPECT_TRUE(meters.begin("ben", kStart));
  meters.charge("ben", 150, kStart);
  const net::HttpHeaders expected = {
      {"x-ratelimit-limit-requests", "30"},  {"x-ratelimit-remaining-requests", "29"},
      {"x-ratelimit-reset-requests", "2s"},  {"x-ratelimit-limit-tokens", "120"},
      {"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "75s"}};
  EXPECT_EQ(meters.headers("ben", kStart), expected);
}

ServerOptions limited(KeyLimits limits) {
  return {.model = "nano",
          .api_keys = {"anna k1", "ben k2"},
          .admin_api_keys = {"ops a"},
          .key_limits = limits};
}

net::HttpAnswer ask_as(Fixture& server, const std::string& key, const Json& body = question(),
                       std::string_view path = "/v1/chat/completions") {
  return server.ask("POST", path, body.dump(), "x-api-key: " + key + "\r\n");
}

TEST(KeyLimits, OnTheWire) {
  api::ScriptedBackend backend(std::vector(8, api::ScriptedReply::text({"a"})));
  Fixture server(backend, limited({.requests_per_minute = 2}));
  EXPECT_EQ(ask_as(server, "k1").headers["x-ratelimit-remaining-requests"], "1");
  const Json streamed = question({{"stream", true}});
  EXPECT_EQ(ask_as(server, "k1", streamed).headers["x-ratelimit-remaining-requests"], "0");
  net::HttpAnswer refused = ask_as(server, "k1", streamed);
  EXPECT_EQ(refused.status, 429);
  const Json error = Json::parse(refused.body)["error"];
  EXPECT_EQ(error["type"], "rate_limit_error");
  EXPECT_EQ(error["code"], "rate_limit_exceeded");
  const int after = std::stoi(refused.headers["retry-after"]);
  EXPECT_TRUE(after >= 1 && after <= 30) << after;
  EXPECT_EQ(refused.headers["x-ratelimit-limit-requests"], "2");
  EXPECT_EQ(refused.headers.count("x-should-retry"), 0u);
  // Every way to an answer counts, in its own form of errors.
  refused = ask_as(server, "k1", question({{"max_tokens", 5}}), "/v1/messages");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(Json::parse(refused.body)["error"]["type"], "rate_limit_error");
  EXPECT_EQ(ask_as(server, "k1", question(), "/api/chat").status, 429);
  // What only looks does not count, and others go on.
  EXPECT_EQ(server.ask("GET", "/v1/models", "", "x-api-key: k1\r\n").status, 200);
  EXPECT_EQ(ask_as(server, "k1", {{"prompt", "x"}}, "/tokenize").status, 200);
  EXPECT_EQ(ask_as(server, "k2").status, 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_as(server, "a").status, 200);
  const std::string metrics = server.ask("GET", "/metrics", "", "x-api-key: a\r\n").body;
  EXPECT_NE(metrics.find("code=\"rate_limit_exceeded\"} 3"), std::string::npos);
}

TEST(KeyLimits, CopiesHaveReadTheirPromptOnce) {
  api::ScriptedReply reply = api::ScriptedReply::text({"a"});
  reply.reply.usage = {.prompt_tokens = 100, .completion_tokens = 10};
  api::ScriptedBackend backend(std::vector(4, reply));
  Fixture server(backend, limited({.tokens_per_minute = 1000}));
  EXPECT_EQ(ask_as(server, "k1", question({{"n", 3}})).headers["x-ratelimit-remaining-tokens"],
            "1000");
  net::HttpAnswer next = ask_as(server, "k1");
  const int left = std::stoi(next.headers["x-ratelimit-remaining-tokens"]);
  EXPECT_TRUE(left >= 870 && left < 1000) << left;  // 130 of them, and what time gave back
}

TEST(KeyLimits, APlaceIsFreeAgainWhenTheReplyEnds) {
  EndlessBackend backend;
  Fixture server(backend, limited({.requests_at_once = 1}));
  std::jthread first([&] { EXPECT_EQ(ask_as(server, "k1").status, 200); });
  backend.began.acquire();
  EXPECT_EQ(ask_as(server, "k1").status, 429);
  backend.stop = true;
  EXPECT_EQ(ask_as(server, "k2").status, 200);
  first.join();
  EXPECT_EQ(ask_as(server, "k1").status, 200);
}

}  // namespace
}  // namespace glmv::server
