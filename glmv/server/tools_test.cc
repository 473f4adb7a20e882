// tools and tool_choice on the wire.

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ChatChunk;
using api::ScriptedReply;

const Json kTools = Json::parse(R"([
  {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},
  {"type": "function", "function": {"name": "time"}}])");

ScriptedReply two_calls() {
  ScriptedReply script;
  script.pieces = {ChatChunk{.content = "Let me see."},
                   ChatChunk{.tool_calls = {{0, "call_a", "weather", ""}}},
                   ChatChunk{.tool_calls = {{0, "", "", "{\"city\": \"B"}}},
                   ChatChunk{.tool_calls = {{0, "", "", "ern\"}"}, {1, "call_b", "time", "{}"}}}};
  script.reply.finish_reason = "tool_calls";
  return script;
}

TEST(Tools, WholeCalls) {
  ScriptedReply silent = two_calls();
  silent.pieces.erase(silent.pieces.begin());
  api::ScriptedBackend backend({two_calls(), silent, silent});
  Fixture server(backend);
  Json choice = Json::parse(server.chat(question({{"tools", kTools}})).body)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_EQ(choice["message"]["content"], "Let me see.");
  const Json want = Json::parse(R"([
    {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bern\"}"}},
    {"id": "call_b", "type": "function", "function": {"name": "time", "arguments": "{}"}}])");
  EXPECT_EQ(choice["message"]["tool_calls"], want);
  choice = Json::parse(server.chat(question({{"tools", kTools}})).body)["choices"][0];
  EXPECT_TRUE(choice["message"]["content"].is_null());
  // The one function that was asked for: the reply just ends, as OpenAI's does.
  choice = Json::parse(
      server
          .chat(
              question({{"tools", kTools},
                        {"tool_choice", {{"type", "function"}, {"function", {{"name", "time"}}}}}}))
          .body)["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "stop");
  const auto requests = backend.requests();
  EXPECT_EQ(requests[0].tools, kTools);
  EXPECT_EQ(requests[0].tool_choice, api::ToolChoice::kAuto);
  EXPECT_EQ(requests[2].tool_choice, api::ToolChoice::kNamed);
  EXPECT_EQ(requests[2].tool_name, "time");
}

TEST(Tools, StreamedCalls) {
  api::ScriptedBackend backend({two_calls()});
  Fixture server(backend);
  const auto list = events(server.chat(question({{"tools", kTools}, {"stream", true}})).body);
  ASSERT_EQ(list.size(), 7u);
  Json calls = Json::array();
  std::string finish;
  for (size_t i = 0; i + 1 < list.size(); ++i) {
    const Json choice = Json::parse(list[i])["choices"][0];
    if (!choice["finish_reason"].is_null()) finish = choice["finish_reason"];
    if (!choice["delta"].contains("tool_calls")) continue;
    for (const Json& delta : choice["delta"]["tool_calls"]) {
      ASSERT_TRUE(delta["index"].is_number_integer());
      const size_t index = delta["index"];
      if (delta.contains("id")) {
        ASSERT_EQ(index, calls.size());
        EXPECT_EQ(delta["type"], "function");
        calls.push_back(
            {{"id", delta["id"]}, {"name", delta["function"]["name"]}, {"arguments", ""}});
      }
      calls[index]["arguments"] = calls[index]["arguments"].get<std::string>() +
                                  delta["function"]["arguments"].get<std::string>();
    }
  }
  EXPECT_EQ(finish, "tool_calls");
  EXPECT_EQ(calls, Json::parse(
                       R"([{"id": "call_a", "name": "weather", "arguments": "{\"city\": \"Bern\"}"},
                                   {"id": "call_b", "name": "time", "arguments": "{}"}])"));
}

TEST(Tools, FormsOfToolChoice) {
  struct Case {
    Json fields;
    api::ToolChoice choice;
    size_t num_tools;
  };
  const Json allowed =
      Json::parse(R"({"type": "allowed_tools", "allowed_tools": {"mode": "required",
      "tools": [{"type": "function", "function": {"name": "time"}}]}})");
  const std::vector<Case> cases = {
      {{{"tools", kTools}, {"tool_choice", "none"}}, api::ToolChoice::kNone, 2},
      {{{"tools", kTools}, {"tool_choice", "auto"}}, api::ToolChoice::kAuto, 2},
      {{{"tools", kTools}, {"tool_choice", "required"}, {"parallel_tool_calls", false}},
       api::ToolChoice::kRequired,
       2},
      {{{"tools", kTools}, {"tool_choice", allowed}}, api::ToolChoice::kRequired, 1},
      {{{"tools", Json::array()}, {"tool_choice", "auto"}}, api::ToolChoice::kAuto, 0},
      {{{"tool_choice", "none"}}, api::ToolChoice::kNone, 0}};
  api::ScriptedBackend backend(
      std::vector<ScriptedReply>(cases.size(), ScriptedReply::text({"x"})));
  Fixture server(backend);
  for (const Case& c : cases) EXPECT_EQ(server.chat(question(c.fields)).status, 200) << c.fields;
  const auto requests = backend.requests();
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(requests[i].tool_choice, cases[i].choice) << i;
    EXPECT_EQ(requests[i].tools.size(), cases[i].num_tools) << i;
  }
  EXPECT_FALSE(requests[2].parallel_tool_calls);
}

TEST(Tools, BadFieldsAreNamed) {
  const auto named = [](const char* name) {
    return Json{{"type", "function"}, {"function", {{"name", name}}}};
  };
  struct Case {
    Json fields;
    std::string param;
  };
  const std::vector<Case> cases = {
      {{{"tools", "x"}}, "tools"},
      {{{"tools", {named("a b")}}}, "tools[0].function.name"},
      {{{"tools", {named("")}}}, "tools[0].function.name"},
      {{{"tools", {named("a"), 3}}}, "tools[1]"},
      {{{"tools", {{{"type", "web_search"}, {"function", {{"name", "a"}}}}}}}, "tools[0].type"},
      {{{"tools", {{{"type", "function"}, {"function", {{"name", "a"}, {"parameters", 3}}}}}}},
       "tools[0].function.parameters"},
      {{{"tools", kTools}, {"tool_choice", named("other")}}, "tool_choice"},
      {{{"tools", kTools}, {"tool_choice", "sometimes"}}, "tool_choice"},
      {{{"tools", kTools}, {"tool_choice", 3}}, "tool_choice"},
      {{{"tools", kTools}, {"tool_choice", {{"type", "allowed_tools"}}}},
       "tool_choice.allowed_tools.tools"},
      {{{"tool_choice", "required"}}, "tool_choice"},
      {{{"tools", kTools}, {"parallel_tool_calls", 1}}, "parallel_tool_calls"}};
  api::ScriptedBackend backend({});
  Fixture server(backend);
  for (const Case& c : cases) {
    const auto answer = server.chat(question(c.fields));
    EXPECT_EQ(answer.status, 400) << c.fields;
    EXPECT_EQ(Json::parse(answer.body)["error"]["param"], c.param) << answer.body;
  }
}

}  // namespace
}  // namespace glmv::server
