#include "glmv/api/scripted_backend.h"

#include <gtest/gtest.h>

#include <thread>

namespace glmv::api {
namespace {

TEST(ScriptedBackend, ReplaysInOrder) {
  ScriptedReply thoughtful = ScriptedReply::text({"a", "b"});
  thoughtful.pieces.insert(thoughtful.pieces.begin(), ChatChunk{.reasoning = "why"});
  thoughtful.reply.usage.completion_tokens = 3;
  ScriptedBackend backend({thoughtful, ScriptedReply::text({"c"})});
  std::string seen;
  const auto first = backend.chat({.max_tokens = 9}, [&](const ChatChunk& chunk) {
    seen += chunk.reasoning + "|" + chunk.content + ";";
    return true;
  });
  ASSERT_TRUE(first);
  EXPECT_EQ(seen, "why|;|a;|b;");
  EXPECT_EQ(first->reasoning, "why");
  EXPECT_EQ(first->content, "ab");
  EXPECT_EQ(first->finish_reason, "stop");
  EXPECT_EQ(first->usage.completion_tokens, 3);
  const auto second = backend.chat({}, {});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->content, "c");
  const auto third = backend.chat({}, {});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::kUnavailable);
  ASSERT_EQ(backend.requests().size(), 3u);
  EXPECT_EQ(backend.requests()[0].max_tokens, 9);
}

TEST(ScriptedBackend, CancelKeepsWhatWasDelivered) {
  ScriptedBackend backend({ScriptedReply::text({"a", "b", "c"})});
  int calls = 0;
  const auto reply = backend.chat({}, [&](const ChatChunk&) { return ++calls < 2; });
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->content, "ab");
  EXPECT_EQ(reply->finish_reason, "cancelled");
}

TEST(ScriptedBackend, ErrorsComeAfterThePieces) {
  ScriptedReply script = ScriptedReply::text({"a"});
  script.error = Status{Code::kUnavailable, "gone"};
  ScriptedBackend backend({script, ScriptedReply::failure({Code::kInvalidArgument, "bad"})});
  std::string seen;
  const auto reply = backend.chat({}, [&](const ChatChunk& chunk) {
    seen += chunk.content;
    return true;
  });
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().message, "gone");
  EXPECT_EQ(seen, "a");
  EXPECT_EQ(backend.chat({}, {}).error().code, Code::kInvalidArgument);
}

TEST(ScriptedBackend, ManyThreads) {
  std::vector<ScriptedReply> scripts(64, ScriptedReply::text({"x"}));
  ScriptedBackend backend(std::move(scripts));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 16; ++k) EXPECT_TRUE(backend.chat({}, {}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(backend.chat({}, {}));
  EXPECT_EQ(backend.requests().size(), 65u);
}

}  // namespace
}  // namespace glmv::api
