#include "glmv/chat/chat_session.h"

#include <gtest/gtest.h>

#include "glmv/api/scripted_backend.h"

namespace glmv::chat {
namespace {

using api::ScriptedBackend;
using api::ScriptedReply;

text::Message message(std::string role, std::string content) {
  return {.role = std::move(role), .content = {{.text = std::move(content)}}};
}

// "role:text" of each message.
std::vector<std::string> shown(const std::vector<text::Message>& messages) {
  std::vector<std::string> out;
  for (const text::Message& m : messages) {
    out.push_back(m.role + ":" + (m.content.empty() ? "" : m.content[0].text));
  }
  return out;
}

ScriptedReply thoughtful(std::string reasoning, std::string content) {
  ScriptedReply script = ScriptedReply::text({std::move(content)});
  script.pieces.insert(script.pieces.begin(), api::ChatChunk{.reasoning = std::move(reasoning)});
  return script;
}

TEST(ChatSession, HistoryHoldsAnswersWithoutThoughts) {
  ScriptedBackend backend({thoughtful("t1", "a1"), thoughtful("t2", "a2")});
  ChatSession session(backend, {.messages = {message("system", "s")}, .max_tokens = 5});
  ASSERT_TRUE(session.send(message("user", "q1")));
  const auto reply = session.send(message("user", "q2"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->reasoning, "t2");
  const std::vector<std::string> asked = shown(backend.requests()[1].messages);
  EXPECT_EQ(asked, (std::vector<std::string>{"system:s", "user:q1", "assistant:a1", "user:q2"}));
  EXPECT_FALSE(backend.requests()[1].messages[2].reasoning_content.has_value());
  EXPECT_TRUE(backend.requests()[1].messages[2].content_is_string);
  EXPECT_EQ(backend.requests()[1].max_tokens, 5);
  EXPECT_EQ(session.turns().size(), 2u);
  EXPECT_EQ(session.history().size(), 5u);
}

TEST(ChatSession, UndoClearRetry) {
  ScriptedBackend backend(
      {ScriptedReply::text({"a1"}), ScriptedReply::text({"a2"}), ScriptedReply::text({"b2"})});
  ChatSession session(backend, {.messages = {message("system", "s")}});
  EXPECT_FALSE(session.undo());
  EXPECT_FALSE(session.retry());
  ASSERT_TRUE(session.send(message("user", "q1")));
  ASSERT_TRUE(session.send(message("user", "q2")));
  ASSERT_TRUE(session.retry());
  EXPECT_EQ(session.turns().back().reply.content, "b2");
  EXPECT_EQ(session.turns().size(), 2u);
  EXPECT_EQ(shown(backend.requests()[2].messages), shown(backend.requests()[1].messages));
  const auto question = session.undo();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->content[0].text, "q2");
  EXPECT_EQ(shown(session.history()),
            (std::vector<std::string>{"system:s", "user:q1", "assistant:a1"}));
  session.clear();
  EXPECT_EQ(shown(session.history()), (std::vector<std::string>{"system:s"}));
}

TEST(ChatSession, InterruptedReplyIsKeptAndMarked) {
  ScriptedBackend backend({ScriptedReply::text({"par", "tial", "!"}), ScriptedReply::text({"b"})});
  ChatSession session(backend, {});
  int pieces = 0;
  ASSERT_TRUE(session.send(message("user", "q"), [&](const auto&) { return ++pieces < 2; }));
  ASSERT_EQ(session.turns().size(), 1u);
  EXPECT_TRUE(session.turns()[0].interrupted);
  ASSERT_TRUE(session.send(message("user", "go on")));
  EXPECT_FALSE(session.turns()[1].interrupted);
  EXPECT_EQ(shown(backend.requests()[1].messages),
            (std::vector<std::string>{"user:q", "assistant:partial", "user:go on"}));
}

TEST(ChatSession, ErrorsLeaveTheHistoryAlone) {
  ScriptedBackend backend({ScriptedReply::text({"a"}),
                           ScriptedReply::failure({Code::kInvalidArgument, "no such picture"}),
                           ScriptedReply::failure({Code::kUnavailable, "gone"})});
  ChatSession session(backend, {});
  ASSERT_TRUE(session.send(message("user", "q")));
  const auto failed = session.send(message("user", "bad"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "no such picture");
  EXPECT_FALSE(session.retry());
  EXPECT_EQ(shown(session.history()), (std::vector<std::string>{"user:q", "assistant:a"}));
}

}  // namespace
}  // namespace glmv::chat
