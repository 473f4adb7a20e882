// What the fields of /v1/chat/completions mean, where the server has a say, and what comes of them.

#include "glmv/server/chat_call.h"

#include <cstdint>

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;

// Limits are those of characters, and a limit is inside.
TEST(ChatCompletions, LongStopStringsAreTaken) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend);
  std::string stop;
  for (int i = 0; i < 256; ++i) stop += "\xe4\xbd\xa0";
  const auto answer = server.chat(question({{"stop", stop}, {"max_tokens", 4096}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(backend.requests()[0].stop.at(0), stop);
}

// Any field that is a number, at what no int64 or no count holds: 400 or the nearest thing to it,
// never a wrapped value.
TEST(ChatCompletions, HostileNumbers) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const char* const fields[] = {
      "max_tokens", "max_completion_tokens", "min_tokens", "n", "top_k", "top_logprobs",
      "priority",   "thinking_token_budget", "seed"};
  for (const char* field : fields) {
    for (const char* number : {"9223372036854775808", "9.223372036854775808e18",
                               "18446744073709551615", "18446744073709551616", "1e19",
                               "-9223372036854777856", "-1e19", "1e308", "-1e308", "0.5"}) {
      const std::string body = fmt::format(
          R"({{"messages": [{{"role": "user", "content": "x"}}], "logprobs": true, "{}": {}}})",
          field, number);
      const auto answer = server.ask("POST", "/v1/chat/completions", body);
      EXPECT_EQ(answer.status, 400) << field << " " << number << answer.body;
      EXPECT_EQ(Json::parse(answer.body)["error"]["param"], field) << answer.body;
    }
  }
  EXPECT_TRUE(backend.requests().empty());
  for (const char* number :
       {"9223372036854775807", "-9223372036854775808", "-9223372036854775808.0"}) {
    api::ScriptedBackend one({ScriptedReply::text({"x"})});
    Fixture fine(one);
    const std::string body =
        fmt::format(R"({{"messages": [{{"role": "user", "content": "x"}}], "seed": {}}})", number);
    EXPECT_EQ(fine.ask("POST", "/v1/chat/completions", body).status, 200) << number;
    const auto want = number[0] == '-' ? INT64_MIN : INT64_MAX;
    EXPECT_EQ(one.requests().at(0).seed, static_cast<uint64_t>(want)) << number;
  }
}

TEST(ChatCompletions, DeepBodiesAreRefused) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend);
  const auto nested = [](int depth) {
    return R"({"messages": [{"role": "user", "content": "x"}], "metadata": )" +
           std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(server.ask("POST", "/v1/chat/completions", nested(64)).status, 200);
  const auto answer = server.ask("POST", "/v1/chat/completions", nested(65));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "invalid_json");
}

TEST(ChatCompletions, TheServersDefaultsHoldWhereARequestIsSilent) {
  api::ScriptedBackend backend(std::vector<ScriptedReply>(6, ScriptedReply::text({"x"})));
  Fixture server(backend, {.model = "nano",
                           .rules = {.thinking = api::Thinking::kOff,
                                     .thinking_budget = 99,
                                     .detect_repetition = true,
                                     .raw_output = true,
                                     .keep_box_markers = true}});
  server.chat(question());
  const api::ChatRequest silent = backend.requests().at(0);
  EXPECT_EQ(silent.thinking, api::Thinking::kOff);
  EXPECT_EQ(silent.thinking_budget, 99);
  EXPECT_TRUE(silent.detect_repetition && silent.raw_output && silent.keep_box_markers);
  server.chat(question({{"enable_thinking", true},
                        {"thinking_token_budget", -1},
                        {"detect_repetition", false},
                        {"reasoning_format", "auto"},
                        {"box_markers", "remove"}}));
  const api::ChatRequest spoken = backend.requests().at(1);
  EXPECT_EQ(spoken.thinking, api::Thinking::kOn);
  EXPECT_EQ(spoken.thinking_budget, -1);
  EXPECT_FALSE(spoken.detect_repetition || spoken.raw_output || spoken.keep_box_markers);
  server.chat(question({{"reasoning_effort", "max"}}));
  EXPECT_EQ(backend.requests().at(2).thinking_budget, -1);
  server.ask("POST", "/v1/messages",
             R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 99999})");
  EXPECT_EQ(backend.requests().at(3).thinking, api::Thinking::kOff);
  server.ask("POST", "/v1/responses", R"({"input": "x"})");
  EXPECT_EQ(backend.requests().at(4).thinking_budget, 99);
  server.ask("POST", "/api/chat", R"({"messages": [{"role": "user", "content": "x"}]})");
  EXPECT_TRUE(backend.requests().at(5).detect_repetition);
}

// Its model (server_for_test.h) has no switch in its template.
TEST(ChatCompletions, WithoutATrainedOffSwitchAWarningComes) {
  api::ScriptedBackend backend(std::vector<ScriptedReply>(4, ScriptedReply::text({"x"})));
  Fixture server(backend);
  EXPECT_FALSE(server.chat(question()).headers.contains("x-glmv-warning"));
  for (const bool stream : {false, true}) {
    const auto off = server.chat(question({{"enable_thinking", false}, {"stream", stream}}));
    ASSERT_TRUE(off.headers.contains("x-glmv-warning"));
    EXPECT_NE(off.headers.at("x-glmv-warning").find("not trained"), std::string::npos);
  }
  const auto both = server.chat(question({{"extra_body", {{"enable_thinking", false}}}}));
  EXPECT_NE(both.headers.at("x-glmv-warning").find("extra_body"), std::string::npos);
  EXPECT_NE(both.headers.at("x-glmv-warning").find("not trained"), std::string::npos);
}

TEST(ChatCompletions, StreamsTellTheirMarkedAnswerAndWhatWasRefiled) {
  ScriptedReply script = ScriptedReply::text({"The answer"});
  script.pieces.insert(script.pieces.begin(), api::ChatChunk{.reasoning = "The answer"});
  script.reply.boxed = {"7", "8"};
  script.reply.reasoning_reclassified = true;
  api::ScriptedBackend backend({script});
  Fixture server(backend);
  const auto list = events(server.chat(question({{"stream", true}})).body);
  ASSERT_EQ(list.size(), 5u);
  EXPECT_EQ(Json::parse(list[1])["choices"][0]["delta"]["reasoning"], "The answer");
  EXPECT_EQ(Json::parse(list[2])["choices"][0]["delta"]["content"], "The answer");
  const Json last = Json::parse(list[3])["choices"][0];
  EXPECT_EQ(last["delta"], (Json{{"x_boxed", {"7", "8"}}}));
  EXPECT_EQ(last["x_reasoning_reclassified"], true);
  EXPECT_EQ(last["finish_reason"], "stop");
}

TEST(ChatCompletions, UsageMayComeWithEveryChunk) {
  ScriptedReply script;
  script.pieces = {{.content = "a", .usage = {.prompt_tokens = 30, .completion_tokens = 1}},
                   {.content = "b", .usage = {.prompt_tokens = 30, .completion_tokens = 2}}};
  script.reply.usage = {.prompt_tokens = 30, .completion_tokens = 3};
  api::ScriptedBackend backend({script, script, script});
  Fixture server(backend);
  const auto usages = [&](const char* path, Json body) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}, {"continuous_usage_stats", true}};
    Json all = Json::array();
    for (const std::string& event : events(server.ask("POST", path, body.dump()).body)) {
      if (event == "[DONE]") break;
      const Json usage = Json::parse(event)["usage"];
      all.push_back(usage.is_null() ? usage : usage["completion_tokens"]);
    }
    return all;
  };
  // The first one has a role only, and is sent before the first token is there.
  EXPECT_EQ(usages("/v1/chat/completions", question()), (Json{nullptr, 1, 2, 3, 3}));
  EXPECT_EQ(usages("/v1/completions", {{"prompt", "x"}}), (Json{1, 2, 3, 3}));
  const auto plain = events(server.chat(question({{"stream", true}})).body);
  EXPECT_FALSE(Json::parse(plain[1]).contains("usage"));
}

TEST(ChatCompletions, UnknownFieldsAreToldOnceAName) {
  api::ScriptedBackend backend(std::vector<ScriptedReply>(3, ScriptedReply::text({"x"})));
  std::vector<std::string> notes;
  Fixture server(backend, {.model = "nano",
                           .on_debug = [&](const std::string& text) { notes.push_back(text); }});
  const Json body = question({{"temprature", 0.5}, {"temperature", 0.5}, {"repeat_penalty", 1.1}});
  EXPECT_EQ(server.chat(body).status, 200);
  EXPECT_EQ(server.chat(body).status, 200);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("\"temprature\""), std::string::npos) << notes[0];
  EXPECT_EQ(server.chat(question({{"line\nbreak", 1}})).status, 200);
  EXPECT_EQ(notes.at(1).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace glmv::server
