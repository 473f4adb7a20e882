#include "glmv/terminal/conversation.h"

#include <gtest/gtest.h>

#include "glmv/api/scripted_backend.h"

namespace glmv::terminal {
namespace {

using api::ScriptedBackend;
using api::ScriptedReply;
using Lines = std::vector<std::string>;

// "role:text" of each message.
Lines shown(const api::ChatRequest& request) {
  Lines out;
  for (const text::Message& m : request.messages) out.push_back(m.role + ":" + m.text());
  return out;
}

ScriptedReply thoughtful(std::string reasoning, std::string content) {
  ScriptedReply script = ScriptedReply::text({std::move(content)});
  script.pieces.insert(script.pieces.begin(), api::ChatChunk{.reasoning = std::move(reasoning)});
  return script;
}

Conversation with_system(api::ChatBackend& backend) {
  return Conversation(backend, {.messages = {text::Message::system("s")}, .max_tokens = 5});
}

TEST(Conversation, HistoryHoldsAnswersWithoutThoughtsAndMarkers) {
  ScriptedBackend backend(
      {thoughtful("t1", "a <|begin_of_box|>1<|end_of_box|>"), thoughtful("t2", "a2")});
  Conversation chat = with_system(backend);
  ASSERT_TRUE(chat.send({"q1"}, 0));
  ASSERT_TRUE(chat.send({"q2"}, 0));
  EXPECT_EQ(chat.turns()[1].reply.reasoning, "t2");
  EXPECT_EQ(shown(backend.requests()[1]),
            (Lines{"system:s", "user:q1", "assistant:a 1", "user:q2"}));
  EXPECT_FALSE(backend.requests()[1].messages[2].reasoning_content.has_value());
  EXPECT_TRUE(backend.requests()[1].messages[2].content_is_string);
  EXPECT_EQ(backend.requests()[1].max_tokens, 5);
}

TEST(Conversation, UndoClearRetry) {
  ScriptedBackend backend(
      {ScriptedReply::text({"a1"}), ScriptedReply::text({"a2"}), ScriptedReply::text({"b2"})});
  Conversation chat = with_system(backend);
  EXPECT_FALSE(chat.undo());
  EXPECT_FALSE(chat.retry(0));
  ASSERT_TRUE(chat.send({"q1"}, 0));
  ASSERT_TRUE(chat.send({"q2"}, 0));
  ASSERT_TRUE(chat.retry(0));
  EXPECT_EQ(chat.turns().back().reply.content, "b2");
  EXPECT_EQ(chat.turns().size(), 2u);
  EXPECT_EQ(shown(backend.requests()[2]), shown(backend.requests()[1]));
  const auto question = chat.undo();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->text, "q2");
  EXPECT_EQ(shown(chat.request(nullptr)), (Lines{"system:s", "user:q1", "assistant:a1"}));
  chat.clear();
  EXPECT_EQ(shown(chat.request(nullptr)), (Lines{"system:s"}));
  chat.set_system("other");
  EXPECT_EQ(shown(chat.request(nullptr)), (Lines{"system:other"}));
  chat.set_system("");
  EXPECT_TRUE(chat.request(nullptr).messages.empty());
}

TEST(Conversation, InterruptedReplyIsKeptAndMarked) {
  ScriptedBackend backend({ScriptedReply::text({"par", "tial", "!"}), ScriptedReply::text({"b"})});
  Conversation chat(backend, {});
  int pieces = 0;
  const auto stats = chat.send({"q"}, 100, [&](const auto&) { return ++pieces < 2; });
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->stop, "interrupted");
  EXPECT_TRUE(chat.turns()[0].interrupted);
  ASSERT_TRUE(chat.send({"go on"}, 100));
  EXPECT_FALSE(chat.turns()[1].interrupted);
  EXPECT_EQ(shown(backend.requests()[1]), (Lines{"user:q", "assistant:partial", "user:go on"}));
}

TEST(Conversation, AfterAnErrorTheSameCanBeAskedAgain) {
  ScriptedBackend backend({ScriptedReply::text({"a1"}),
                           ScriptedReply::failure({Code::kUnavailable, "gone"}),
                           ScriptedReply::text({"a2"})});
  Conversation chat(backend, {});
  ASSERT_TRUE(chat.send({"q1"}, 0));
  EXPECT_FALSE(chat.send({"q2"}, 0));
  EXPECT_EQ(chat.turns().size(), 1u);
  ASSERT_TRUE(chat.retry(0));
  EXPECT_EQ(chat.turns().size(), 2u);
  EXPECT_EQ(chat.turns()[1].question.text, "q2");
  EXPECT_FALSE(chat.failed());
}

TEST(Conversation, ATurnStaysUntilAnotherTakesItsPlace) {
  // An empty piece comes while nothing else does.
  ScriptedBackend backend({ScriptedReply::text({"a1"}),
                           ScriptedReply::failure({Code::kUnavailable, "gone"}),
                           ScriptedReply::text({"", "never"}), ScriptedReply::text({"a2"})});
  Conversation chat(backend, {});
  ASSERT_TRUE(chat.send({"q1"}, 0));
  EXPECT_FALSE(chat.replace({"better q1"}, 0));
  ASSERT_EQ(chat.turns().size(), 1u);
  EXPECT_EQ(chat.turns()[0].reply.content, "a1");
  ASSERT_TRUE(chat.failed());
  EXPECT_EQ(chat.failed()->text, "better q1");
  // Nor when it is stopped before a word came.
  EXPECT_EQ(chat.retry(0, [](const auto&) { return false; }).error().code, Code::kCancelled);
  EXPECT_EQ(chat.turns()[0].reply.content, "a1");
  ASSERT_TRUE(chat.retry(0));
  EXPECT_EQ(shown(backend.requests()[3]), (Lines{"user:better q1"}));
  ASSERT_EQ(chat.turns().size(), 1u);
  EXPECT_EQ(chat.turns()[0].reply.content, "a2");
  EXPECT_FALSE(chat.failed());
}

TEST(Conversation, MediaStandBeforeTheText) {
  ScriptedBackend backend({ScriptedReply::text({"a"})});
  Conversation chat(backend, {});
  const Attachment picture{.kind = MediaKind::kImage,
                           .part = {.kind = text::PartKind::kImage, .source = "a.png"}};
  const Attachment file{.kind = MediaKind::kText, .part = {.text = "f:\n```\nx\n```\n"}};
  ASSERT_TRUE(chat.send({"what?", {file, picture}}, 0));
  const text::Message message = backend.requests()[0].messages[0];
  ASSERT_EQ(message.content.size(), 2u);
  EXPECT_EQ(message.content[0].source, "a.png");
  EXPECT_EQ(message.content[1].text, "f:\n```\nx\n```\n\nwhat?");
  EXPECT_EQ(chat.pictures()->size(), 1u);
  chat.drop_medium(1);
  EXPECT_TRUE(chat.pictures()->empty());
}

TEST(Conversation, TimesAreMeasuredWhereTheBackendTellsNone) {
  ScriptedBackend backend({ScriptedReply::text({"a"})});
  Conversation chat(backend, {});
  const auto stats = chat.send({"q"}, 4096);
  ASSERT_TRUE(stats);
  EXPECT_GT(stats->first_token_ms, 0);
  EXPECT_EQ(stats->context_limit, 4096);
}

}  // namespace
}  // namespace glmv::terminal
