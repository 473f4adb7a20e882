// /v1/messages on the wire.

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ChatChunk;
using api::ScriptedReply;

ScriptedReply thought_text_and_call() {
  ScriptedReply script;
  script.pieces = {ChatChunk{.reasoning = "hm"},
                   ChatChunk{.content = "I "},
                   ChatChunk{.content = "look."},
                   ChatChunk{.tool_calls = {{0, "call_a", "look", ""}}},
                   ChatChunk{.tool_calls = {{0, "", "", "{\"at\""}}},
                   ChatChunk{.tool_calls = {{0, "", "", ": 1}"}}}};
  script.reply.finish_reason = "tool_calls";
  script.reply.usage = {.prompt_tokens = 9, .completion_tokens = 6, .cached_tokens = 3};
  return script;
}

Json request_body(const char* more = "{}") {
  Json body = {
      {"model", "nano"}, {"max_tokens", 50}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  body.update(Json::parse(more));
  return body;
}

net::HttpAnswer ask(Fixture& server, const Json& body) {
  return server.ask("POST", "/v1/messages", body.dump());
}

TEST(Messages, WholeAndStreamedAreTheSame) {
  api::ScriptedBackend backend(std::vector<ScriptedReply>(3, thought_text_and_call()));
  Fixture server(backend);
  const char* thinking = R"({"thinking": {"type": "enabled", "budget_tokens": 1024}})";
  Json whole = Json::parse(ask(server, request_body(thinking)).body);
  EXPECT_EQ(whole["type"], "message");
  EXPECT_EQ(whole["stop_reason"], "tool_use");
  EXPECT_EQ(whole["usage"]["input_tokens"], 6);
  EXPECT_EQ(whole["usage"]["cache_read_input_tokens"], 3);
  EXPECT_EQ(whole["content"],
            Json::parse(R"([{"type": "thinking", "thinking": "hm", "signature": ""},
      {"type": "text", "text": "I look.", "citations": null},
      {"type": "tool_use", "id": "call_a", "name": "look", "input": {"at": 1}}])"));
  EXPECT_EQ(backend.requests()[0].thinking_budget, 1024);

  Json body = request_body(thinking);
  body["stream"] = true;
  const auto answer = ask(server, body);
  Json message;
  std::vector<std::string> partial;
  for (size_t begin = 0; begin < answer.body.size();) {
    const size_t end = answer.body.find("\n\n", begin);
    const std::string event = answer.body.substr(begin, end - begin);
    begin = end + 2;
    const size_t line = event.find('\n');
    const Json json = Json::parse(event.substr(line + 7));
    EXPECT_EQ(event.substr(0, line), "event: " + json["type"].get<std::string>());
    if (json["type"] == "message_start") message = json["message"];
    if (json["type"] == "content_block_start") {
      EXPECT_EQ(json["index"], message["content"].size());
      message["content"].push_back(json["content_block"]);
      partial.emplace_back();
    }
    if (json["type"] == "content_block_delta") {
      Json& block = message["content"][json["index"].get<size_t>()];
      const Json& delta = json["delta"];
      if (delta["type"] == "thinking_delta")
        block["thinking"] =
            block["thinking"].get<std::string>() + delta["thinking"].get<std::string>();
      if (delta["type"] == "text_delta")
        block["text"] = block["text"].get<std::string>() + delta["text"].get<std::string>();
      if (delta["type"] == "input_json_delta")
        partial.back() += delta["partial_json"].get<std::string>();
    }
    if (json["type"] == "content_block_stop" && !partial.back().empty()) {
      message["content"].back()["input"] = Json::parse(partial.back());
    }
    if (json["type"] == "message_delta") {
      message.update(json["delta"]);
      message["usage"] = json["usage"];
    }
  }
  EXPECT_NE(answer.body.find("event: message_stop\n"), std::string::npos);
  message.erase("id");
  whole.erase("id");
  EXPECT_EQ(nlohmann::json(message), nlohmann::json(whole));
  // Who did not ask for thoughts gets none.
  EXPECT_EQ(Json::parse(ask(server, request_body()).body)["content"].size(), 2u);
}

TEST(Messages, BlocksBecomeMessages) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend);
  const std::string fields = R"({"system": [{"type": "text", "text": "be brief"}], "messages": [
    {"role": "user", "content": [{"type": "text", "text": "look"},
      {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ")" +
                             std::string(kTinyPng) + R"("}}]},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""},
      {"type": "text", "text": "I do."}, {"type": "tool_use", "id": "c1", "name": "look", "input": {"at": 1}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "a cat"}]},
      {"type": "text", "text": "and?"}]}],
    "stop_sequences": ["END"], "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
    "tools": [{"name": "look", "description": "d", "input_schema": {"type": "object"}}], "metadata": {"user_id": "u"}})";
  const Json body = request_body(fields.c_str());
  const auto answer = ask(server, body);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const api::ChatRequest request = backend.requests()[0];
  ASSERT_EQ(request.messages.size(), 5u);
  EXPECT_EQ(request.messages[0].text(), "be brief");
  EXPECT_EQ(request.messages[1].content[1].pixels.size(), 1u);
  EXPECT_EQ(request.messages[2].reasoning_content, "hm");
  EXPECT_EQ(request.messages[2].tool_calls[0]["function"]["name"], "look");
  EXPECT_EQ(request.messages[3].role, "tool");
  EXPECT_EQ(request.messages[3].text(), "a cat");
  EXPECT_EQ(request.messages[4].text(), "and?");
  EXPECT_EQ(request.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(request.tool_choice, api::ToolChoice::kRequired);
  EXPECT_FALSE(request.parallel_tool_calls);
  EXPECT_EQ(request.tools[0]["function"]["parameters"]["type"], "object");
}

TEST(Messages, HowRepliesEnd) {
  ScriptedReply cut = ScriptedReply::text({"a"});
  cut.reply.finish_reason = "length";
  ScriptedReply stopped = ScriptedReply::text({"a"});
  stopped.reply.stop_string = "END";
  api::ScriptedBackend backend({cut, stopped, ScriptedReply::text({"a"})});
  Fixture server(backend);
  EXPECT_EQ(Json::parse(ask(server, request_body()).body)["stop_reason"], "max_tokens");
  const Json json = Json::parse(ask(server, request_body()).body);
  EXPECT_EQ(json["stop_reason"], "stop_sequence");
  EXPECT_EQ(json["stop_sequence"], "END");
  EXPECT_EQ(Json::parse(ask(server, request_body()).body)["stop_reason"], "end_turn");
}

TEST(Messages, ErrorsAreInAnthropicsForm) {
  struct Case {
    const char* fields;
    std::string begin;
  };
  const Case cases[] = {
      {R"({"max_tokens": null})", "max_tokens: "},
      {R"({"messages": []})", "messages: "},
      {R"({"messages": [{"role": "system", "content": "a"}]})", "messages[0].role: "},
      {R"({"messages": [{"role": "user", "content": [{"type": "document"}]}]})",
       "messages[0].content[0].source: "},
      {R"({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]})",
       "messages[0].content[0].source.type: "},
      {R"({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]})",
       "messages[0].content[0].tool_use_id: "},
      {R"({"tools": [{"type": "bash_20250124", "name": "bash"}]})", "tools[0].type: "},
      {R"({"tool_choice": {"type": "maybe"}})", "tool_choice.type: "},
      {R"({"thinking": {"type": "loud"}})", "thinking.type: "},
      {R"({"stop_sequences": [""]})", "stop_sequences[0]: "},
      {R"({"temperature": 7})", "temperature: "}};
  api::ScriptedBackend backend({});
  Fixture server(backend, {.model = "nano", .api_keys = {"k"}});
  for (const Case& c : cases) {
    const auto answer =
        server.ask("POST", "/v1/messages", request_body(c.fields).dump(), "x-api-key: k\r\n");
    EXPECT_EQ(answer.status, 400) << c.fields;
    const Json json = Json::parse(answer.body);
    EXPECT_EQ(json["type"], "error");
    EXPECT_EQ(json["error"]["type"], "invalid_request_error");
    EXPECT_TRUE(json["error"]["message"].get<std::string>().starts_with(c.begin)) << answer.body;
  }
  const auto answer = server.ask("POST", "/v1/messages", request_body().dump());
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(Json::parse(answer.body)["error"]["type"], "authentication_error");
}

TEST(Messages, TokensAreCounted) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  Json body = request_body();
  body.erase("max_tokens");
  const auto answer = server.ask("POST", "/v1/messages/count_tokens", body.dump());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(Json::parse(answer.body), Json::parse(R"({"input_tokens": 4})"));
}

}  // namespace
}  // namespace glmv::server
