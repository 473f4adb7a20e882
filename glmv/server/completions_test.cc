// /v1/completions on the wire.

#include <set>

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;

net::HttpAnswer complete(Fixture& server, const Json& body) {
  return server.ask("POST", "/v1/completions", body.dump());
}

TEST(Completions, EveryFormOfPrompt) {
  struct Case {
    Json prompt;
    size_t num;
  };
  const std::vector<Case> cases = {
      {"once", 1}, {{"a", "b"}, 2}, {{1, 2, 3}, 1}, {{{1}, {2, 3}}, 2}};
  std::vector<ScriptedReply> script(6, ScriptedReply::text({"x", "y"}));
  for (ScriptedReply& reply : script)
    reply.reply.usage = {.prompt_tokens = 4, .completion_tokens = 2};
  api::ScriptedBackend backend(script);
  Fixture server(backend);
  for (const Case& c : cases) {
    const auto answer = complete(server, {{"model", "nano"}, {"prompt", c.prompt}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json json = Json::parse(answer.body);
    EXPECT_EQ(json["object"], "text_completion");
    EXPECT_TRUE(json["id"].get<std::string>().starts_with("cmpl-"));
    ASSERT_EQ(json["choices"].size(), c.num);
    for (size_t i = 0; i < c.num; ++i) {
      EXPECT_EQ(json["choices"][i]["index"], i);
      EXPECT_EQ(json["choices"][i]["text"], "xy");
      EXPECT_EQ(json["choices"][i]["finish_reason"], "stop");
    }
    EXPECT_EQ(json["usage"]["prompt_tokens"], 4 * c.num);
    EXPECT_EQ(json["usage"]["completion_tokens"], 2 * c.num);
  }
  const auto requests = backend.requests();
  EXPECT_EQ(requests[0].raw_prompt->text, "once");
  EXPECT_EQ(requests[0].max_tokens, 16);
  EXPECT_TRUE(requests[0].raw_output);
  EXPECT_EQ(requests[3].raw_prompt->ids, (std::vector<int32_t>{1, 2, 3}));
}

TEST(Completions, SeveralOfEachPromptAndEcho) {
  api::ScriptedBackend backend(std::vector<ScriptedReply>(8, ScriptedReply::text({"!"})));
  Fixture server(backend);
  const Json fields = {
      {"prompt", {"a", "b"}}, {"n", 2}, {"seed", 5}, {"echo", true}, {"temperature", 1}};
  const Json json = Json::parse(complete(server, fields).body);
  ASSERT_EQ(json["choices"].size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(json["choices"][i]["text"], i < 2 ? "a!" : "b!");
  std::multiset<uint64_t> seeds;
  for (const auto& request : backend.requests()) seeds.insert(*request.seed);
  EXPECT_EQ(seeds, (std::multiset<uint64_t>{5, 5, 6, 6}));

  Json streamed = fields;
  streamed["stream"] = true;
  streamed["stream_options"] = {{"include_usage", true}};
  const auto list = events(complete(server, streamed).body);
  EXPECT_EQ(list.back(), "[DONE]");
  std::vector<std::string> texts(4), finishes(4);
  for (size_t i = 0; i + 1 < list.size(); ++i) {
    const Json chunk = Json::parse(list[i]);
    EXPECT_EQ(chunk["object"], "text_completion");
    for (const Json& choice : chunk["choices"]) {
      texts[choice["index"]] += choice["text"].get<std::string>();
      if (!choice["finish_reason"].is_null()) finishes[choice["index"]] = choice["finish_reason"];
    }
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"a!", "a!", "b!", "b!"}));
  EXPECT_EQ(finishes, std::vector<std::string>(4, "stop"));
  EXPECT_TRUE(Json::parse(list[list.size() - 2])["choices"].empty());
}

TEST(Completions, TokensInAndOut) {
  ScriptedReply script = ScriptedReply::text({"x"});
  script.reply.prompt_ids = {1, 2};
  script.reply.output_ids = {7, 8};
  api::ScriptedBackend backend({script, script, script});
  Fixture server(backend);
  Json fields = {{"prompt", {1, 2}}, {"return_token_ids", true}, {"add_special_tokens", true}};
  const Json whole = Json::parse(complete(server, fields).body)["choices"][0];
  EXPECT_EQ(whole["token_ids"], (Json{7, 8}));
  EXPECT_EQ(whole["prompt_token_ids"], (Json{1, 2}));
  EXPECT_TRUE(backend.requests()[0].raw_prompt->add_special_tokens);
  fields["stream"] = true;
  const auto list = events(complete(server, fields).body);
  const Json last = Json::parse(list[list.size() - 2])["choices"][0];
  EXPECT_EQ(last["token_ids"], (Json{7, 8}));
  EXPECT_EQ(last["prompt_token_ids"], (Json{1, 2}));
  const Json plain = Json::parse(complete(server, {{"prompt", "a"}}).body)["choices"][0];
  EXPECT_FALSE(plain.contains("token_ids"));
}

TEST(Completions, LegacyLogprobs) {
  ScriptedReply script;
  for (const char* token : {"\xc3\xa9", "b"}) {
    api::LogprobEntry entry{.token = token, .token_id = 1, .logprob = -0.5f};
    entry.top = {{.token = "c", .token_id = 2, .logprob = -INFINITY}};
    script.pieces.push_back({.content = token, .logprobs = {entry}});
  }
  api::ScriptedBackend backend({script});
  Fixture server(backend);
  const Json json = Json::parse(complete(server, {{"prompt", "x"}, {"logprobs", 1}}).body);
  EXPECT_EQ(nlohmann::json(json["choices"][0]["logprobs"]),
            nlohmann::json::parse(
                R"({"text_offset": [0, 1], "tokens": ["é", "b"], "token_logprobs": [-0.5, -0.5],
          "top_logprobs": [{"c": -9999.0}, {"c": -9999.0}]})"));
  EXPECT_EQ(backend.requests()[0].top_logprobs, 1);
}

TEST(Completions, BadFieldsAreNamed) {
  struct Case {
    Json fields;
    std::string param;
  };
  const std::vector<Case> cases = {
      {Json::object(), "prompt"},
      {{{"prompt", Json::array()}}, "prompt"},
      {{{"prompt", {{"a", 1}}}}, "prompt"},
      {{{"prompt", {"a", 3}}}, "prompt[1]"},
      {{{"prompt", {1, -3}}}, "prompt"},
      {{{"prompt", {{1}, Json::array()}}}, "prompt[1]"},
      {{{"prompt", std::vector<std::string>(1025, "a")}}, "prompt"},
      {{{"prompt", "a"}, {"suffix", "b"}}, "suffix"},
      {{{"prompt", "a"}, {"logprobs", 50}}, "logprobs"},
      {{{"prompt", "a"}, {"echo", true}, {"logprobs", 1}}, "echo"},
      {{{"prompt", std::vector<std::string>(1000, "a")}, {"n", 2}}, "n"},
      {{{"prompt", "a"}, {"max_tokens", 4097}}, "max_tokens"},
      {{{"prompt", "a"}, {"max_tokens", 0}}, "max_tokens"}};
  api::ScriptedBackend backend({});
  Fixture server(backend);
  for (const Case& c : cases) {
    const auto answer = complete(server, c.fields);
    EXPECT_EQ(answer.status, 400) << c.fields.dump().substr(0, 100);
    EXPECT_EQ(Json::parse(answer.body)["error"]["param"], c.param) << answer.body;
  }
  EXPECT_EQ(complete(server, {{"prompt", "a"}, {"model", "other"}}).status, 404);
}

}  // namespace
}  // namespace glmv::server
