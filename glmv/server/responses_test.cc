// /v1/responses on the wire.

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ChatChunk;
using api::ScriptedReply;

net::HttpAnswer respond(Fixture& server, const Json& body) {
  return server.ask("POST", "/v1/responses", body.dump());
}

ScriptedReply thought_text_and_call() {
  ScriptedReply script;
  script.pieces = {ChatChunk{.reasoning = "let "}, ChatChunk{.reasoning = "me"},
                   ChatChunk{.content = "I look."},
                   ChatChunk{.tool_calls = {{0, "call_a", "look", ""}}},
                   ChatChunk{.tool_calls = {{0, "", "", "{\"at\": 1}"}}}};
  script.reply.finish_reason = "tool_calls";
  script.reply.usage = {
      .prompt_tokens = 9, .completion_tokens = 6, .reasoning_tokens = 2, .cached_tokens = 3};
  return script;
}

// The named events of a stream, each checked for its number and name.
std::vector<Json> named_events(const std::string& body) {
  std::vector<Json> list;
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = body.find("\n\n", begin);
    const std::string event = body.substr(begin, end - begin);
    begin = end + 2;
    if (event.starts_with(":")) continue;
    EXPECT_TRUE(event.starts_with("event: ")) << event;
    const size_t line = event.find('\n');
    const Json json = Json::parse(event.substr(event.find("data: ", line) + 6));
    EXPECT_EQ(event.substr(7, line - 7), json["type"]);
    EXPECT_EQ(json["sequence_number"], list.size());
    list.push_back(json);
  }
  return list;
}

const Json kLook =
    Json::parse(R"([{"type": "function", "name": "look", "parameters": {"type": "object"}}])");

TEST(Responses, WholeAndStreamedAreTheSame) {
  api::ScriptedBackend backend({thought_text_and_call(), thought_text_and_call()});
  Fixture server(backend);
  Json body = {{"model", "nano"}, {"input", "hi"}, {"tools", kLook}, {"metadata", {{"a", "b"}}}};
  Json whole = Json::parse(respond(server, body).body);
  EXPECT_EQ(whole["object"], "response");
  EXPECT_EQ(whole["status"], "completed");
  EXPECT_EQ(whole["metadata"]["a"], "b");
  EXPECT_EQ(whole["usage"]["output_tokens_details"]["reasoning_tokens"], 2);
  ASSERT_EQ(whole["output"].size(), 3u);
  EXPECT_EQ(whole["output"][0]["type"], "reasoning");
  EXPECT_EQ(whole["output"][0]["content"][0]["text"], "let me");
  EXPECT_EQ(whole["output"][1]["content"][0]["text"], "I look.");
  EXPECT_EQ(whole["output"][2]["call_id"], "call_a");
  EXPECT_EQ(whole["output"][2]["arguments"], "{\"at\": 1}");

  body["stream"] = true;
  const auto list = named_events(respond(server, body).body);
  std::vector<std::string> types;
  for (const Json& event : list) types.push_back(event["type"].get<std::string>().substr(9));
  EXPECT_EQ(types, (std::vector<std::string>{"created",
                                             "in_progress",
                                             "output_item.added",
                                             "content_part.added",
                                             "reasoning_text.delta",
                                             "reasoning_text.delta",
                                             "reasoning_text.done",
                                             "content_part.done",
                                             "output_item.done",
                                             "output_item.added",
                                             "content_part.added",
                                             "output_text.delta",
                                             "output_text.done",
                                             "content_part.done",
                                             "output_item.done",
                                             "output_item.added",
                                             "function_call_arguments.delta",
                                             "function_call_arguments.done",
                                             "output_item.done",
                                             "completed"}));
  Json last = list.back()["response"];
  // The same but for what each request has of its own.
  for (Json* json : {&whole, &last}) {
    json->erase("id");
    json->erase("created_at");
    for (Json& item : (*json)["output"]) item.erase("id");
  }
  EXPECT_EQ(whole, last);
  EXPECT_EQ(list[8]["item"]["content"][0]["text"], "let me");
}

TEST(Responses, ItemsBecomeMessages) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend);
  const Json body = Json::parse(R"({"instructions": "be brief", "input": [
    {"role": "user", "content": [{"type": "input_text", "text": "look"},
      {"type": "input_image", "image_url": "data:image/png;base64,)" +
                                std::string(kTinyPng) + R"(", "detail": "low"}]},
    {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I do."}]},
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"at\": 1}"},
    {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "a cat"}],
    "max_output_tokens": 33, "reasoning": {"effort": "none"},
    "tool_choice": {"type": "function", "name": "look"}})");
  Json full = body;
  full["tools"] = kLook;
  const auto answer = respond(server, full);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const api::ChatRequest request = backend.requests()[0];
  ASSERT_EQ(request.messages.size(), 4u);
  EXPECT_EQ(request.messages[0].role, "system");
  EXPECT_EQ(request.messages[1].content.size(), 2u);
  EXPECT_EQ(request.messages[2].reasoning_content, "hm");
  EXPECT_EQ(request.messages[2].text(), "I do.");
  EXPECT_EQ(request.messages[2].tool_calls.size(), 2u);
  EXPECT_EQ(request.messages[2].tool_calls[0]["function"]["arguments"]["at"], 1);
  EXPECT_EQ(request.messages[3].role, "tool");
  EXPECT_EQ(request.messages[3].tool_call_id, "c1");
  EXPECT_EQ(request.max_tokens, 33);
  EXPECT_EQ(request.thinking, api::Thinking::kOff);
  EXPECT_EQ(request.tool_choice, api::ToolChoice::kNamed);
}

TEST(Responses, ALimitMakesThemIncomplete) {
  ScriptedReply cut = ScriptedReply::text({"ab"});
  cut.reply.finish_reason = "length";
  api::ScriptedBackend backend({cut, cut, ScriptedReply::failure({Code::kInternal, "bug"})});
  Fixture server(backend);
  const Json whole = Json::parse(respond(server, {{"input", "hi"}}).body);
  EXPECT_EQ(whole["status"], "incomplete");
  EXPECT_EQ(whole["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(whole["output"][0]["status"], "incomplete");
  const auto list = named_events(respond(server, {{"input", "hi"}, {"stream", true}}).body);
  EXPECT_EQ(list.back()["type"], "response.incomplete");
  EXPECT_EQ(list[list.size() - 2]["item"]["status"], "incomplete");
  EXPECT_EQ(respond(server, {{"input", "hi"}, {"stream", true}}).status, 500);
}

TEST(Responses, BadFieldsAreNamedAsTheClientWroteThem) {
  struct Case {
    const char* body;
    std::string param;
  };
  const Case cases[] = {
      {"{}", "input"},
      {R"({"input": []})", "input"},
      {R"({"input": [3]})", "input[0]"},
      {R"({"input": [{"type": "web_search_call"}]})", "input[0].type"},
      {R"({"input": [{"type": "function_call", "name": "a"}]})", "input[0].call_id"},
      {R"({"instructions": "x", "input": [{"role": "user", "content": "a"}, {"role": "me", "content": "b"}]})",
       "input[1].role"},
      {R"({"input": [{"type": "reasoning", "summary": []}, {"role": "user", "content": [{"type": "odd"}]}]})",
       "input[1].content[0].type"},
      {R"({"input": "a", "previous_response_id": "r"})", "previous_response_id"},
      {R"({"input": "a", "background": true})", "background"},
      {R"({"input": "a", "conversation": "c"})", "conversation"},
      {R"({"input": "a", "max_output_tokens": 0})", "max_output_tokens"},
      {R"({"input": "a", "reasoning": {"effort": "huge"}})", "reasoning.effort"},
      {R"({"input": "a", "tools": [{"type": "web_search"}]})", "tools[0].type"},
      {R"({"input": "a", "text": 3})", "text"}};
  api::ScriptedBackend backend({});
  Fixture server(backend);
  for (const Case& c : cases) {
    const auto answer = server.ask("POST", "/v1/responses", c.body);
    EXPECT_EQ(answer.status, 400) << c.body;
    EXPECT_EQ(Json::parse(answer.body)["error"]["param"], c.param) << answer.body;
  }
}

}  // namespace
}  // namespace glmv::server
