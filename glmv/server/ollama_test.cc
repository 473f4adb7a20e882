// Ollama's dialect on the wire, and what is not served.

#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ChatChunk;
using api::ScriptedReply;

ScriptedReply thought_text_and_call() {
  ScriptedReply script;
  script.pieces = {ChatChunk{.reasoning = "hm"}, ChatChunk{.content = "I "},
                   ChatChunk{.content = "look."},
                   ChatChunk{.tool_calls = {{0, "call_a", "look", ""}}},
                   ChatChunk{.tool_calls = {{0, "", "", "{\"at\": 1}"}}}};
  script.reply.finish_reason = "tool_calls";
  script.reply.usage = {.prompt_tokens = 9, .completion_tokens = 6};
  return script;
}

std::vector<Json> lines(const std::string& body) {
  std::vector<Json> out;
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = body.find('\n', begin);
    out.push_back(Json::parse(body.substr(begin, end - begin)));
    begin = end + 1;
  }
  return out;
}

TEST(Ollama, ChatWholeAndStreamed) {
  api::ScriptedBackend backend({thought_text_and_call(), thought_text_and_call()});
  Fixture server(backend);
  Json body = Json::parse(R"({"model": "nano:latest", "messages": [
      {"role": "user", "content": "hi", "images": [")" +
                          std::string(kTinyPng) + R"("]}], "stream": false, "think": true,
      "options": {"num_predict": 7, "temperature": 0.5, "stop": ["x"], "num_ctx": 4096}})");
  const auto answer = server.ask("POST", "/api/chat", body.dump());
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json whole = Json::parse(answer.body);
  const Json message = Json::parse(R"({"role": "assistant", "content": "I look.", "thinking": "hm",
      "tool_calls": [{"function": {"name": "look", "arguments": {"at": 1}}}]})");
  EXPECT_EQ(nlohmann::json(whole["message"]), nlohmann::json(message));
  EXPECT_EQ(whole["done"], true);
  EXPECT_EQ(whole["done_reason"], "stop");
  EXPECT_EQ(whole["eval_count"], 6);
  EXPECT_EQ(whole["created_at"].get<std::string>().size(), 20u);
  const api::ChatRequest request = backend.requests()[0];
  EXPECT_EQ(request.messages[0].content[0].pixels.size(), 1u);
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_EQ(request.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(request.thinking, api::Thinking::kOn);

  body.erase("stream");
  const auto streamed = server.ask("POST", "/api/chat", body.dump());
  EXPECT_EQ(streamed.headers.at("content-type"), "application/x-ndjson");
  std::string content, thinking;
  Json calls;
  const auto list = lines(streamed.body);
  for (const Json& line : list) {
    content += line["message"]["content"].get<std::string>();
    thinking += line["message"].value("thinking", "");
    if (line["message"].contains("tool_calls")) calls = line["message"]["tool_calls"];
    EXPECT_EQ(line["done"], &line == &list.back());
  }
  EXPECT_EQ(content, "I look.");
  EXPECT_EQ(thinking, "hm");
  EXPECT_EQ(calls, message["tool_calls"]);
}

TEST(Ollama, Generate) {
  api::ScriptedBackend backend(std::vector<ScriptedReply>(3, ScriptedReply::text({"a", "b"})));
  Fixture server(backend);
  const auto streamed =
      server.ask("POST", "/api/generate", R"({"prompt": "hi", "system": "brief"})");
  std::string text;
  for (const Json& line : lines(streamed.body)) text += line["response"].get<std::string>();
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(backend.requests()[0].messages[0].role, "system");
  const auto raw =
      server.ask("POST", "/api/generate", R"({"prompt": "hi", "raw": true, "stream": false})");
  EXPECT_EQ(Json::parse(raw.body)["response"], "ab");
  EXPECT_EQ(backend.requests()[1].raw_prompt->text, "hi");
}

TEST(Ollama, ModelsAndErrors) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/tags").body)["models"][0]["name"], "nano:latest");
  EXPECT_EQ(Json::parse(server.ask("GET", "/api/ps").body)["models"][0]["context_length"], 4096);
  const Json shown = Json::parse(server.ask("POST", "/api/show", R"({"model": "nano"})").body);
  EXPECT_EQ(shown["model_info"]["glm4v.context_length"], 4096);
  EXPECT_EQ(shown["template"], "{{ messages }}");
  EXPECT_TRUE(Json::parse(server.ask("GET", "/api/version").body)["version"].is_string());
  struct Case {
    const char* body;
    int status;
    std::string begin;
  };
  const Case cases[] = {
      {R"({"model": "other", "messages": [{"role": "user", "content": "a"}]})", 404,
       "there is no model"},
      {R"({"messages": []})", 400, "messages: "},
      {R"({"messages": [{"role": "user", "images": [3]}]})", 400, "messages[0].images[0]: "},
      {R"({"messages": [{"role": "me", "content": "a"}]})", 400, "messages[0].role: "},
      {R"({"messages": [{"role": "user", "content": "a"}], "options": {"temperature": 9}})", 400,
       "options.temperature: "},
      {R"({"messages": [{"role": "user", "content": "a"}], "format": 3})", 400, "format: "},
      {R"({"messages": [{"role": "user", "content": "a"}], "options": {"top_p": "x"}})", 400,
       "options.top_p: "}};
  for (const Case& c : cases) {
    const auto answer = server.ask("POST", "/api/chat", c.body);
    EXPECT_EQ(answer.status, c.status) << c.body;
    EXPECT_TRUE(Json::parse(answer.body)["error"].get<std::string>().starts_with(c.begin))
        << answer.body;
  }
}

TEST(NotServed, SaysSo) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  for (const auto& [method, path] :
       std::vector<std::pair<const char*, const char*>>{{"POST", "/v1/embeddings"},
                                                        {"POST", "/v1/audio/transcriptions"},
                                                        {"GET", "/v1/lora_adapters"},
                                                        {"POST", "/v1/load_lora_adapter"},
                                                        {"POST", "/v1/unload_lora_adapter"}}) {
    const auto answer = server.ask(method, path, method[0] == 'P' ? "{}" : "");
    EXPECT_EQ(answer.status, 501) << path;
    EXPECT_EQ(answer.headers.at("x-should-retry"), "false");
    EXPECT_EQ(Json::parse(answer.body)["error"]["type"], "not_supported_error");
  }
  const Json props = Json::parse(server.ask("GET", "/props").body);
  EXPECT_EQ(props["n_ctx"], 4096);
  EXPECT_EQ(props["modalities"]["audio"], false);
}

}  // namespace
}  // namespace glmv::server
