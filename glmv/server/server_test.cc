// The wire contract over a scripted backend, through a real socket.

#include <semaphore>
#include <thread>

#include "glmv/base/random.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;
using namespace std::chrono_literals;

TEST(ChatCompletions, AWholeReply) {
  ScriptedReply script = ScriptedReply::text({"The ", "answer"});
  script.pieces.insert(script.pieces.begin(), api::ChatChunk{.reasoning = "let me see"});
  script.reply.usage = {.prompt_tokens = 30,
                        .image_tokens = 10,
                        .completion_tokens = 7,
                        .reasoning_tokens = 3,
                        .cached_tokens = 5};
  script.reply.boxed = {"answer"};
  api::ScriptedBackend backend({script});
  Fixture server(backend);
  const auto answer =
      server.ask("POST", "/v1/chat/completions", question().dump(), "X-Request-Id: my-id\r\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  EXPECT_EQ(answer.headers.at("x-request-id"), "my-id");
  Json json = Json::parse(answer.body);
  EXPECT_GT(json["created"], 1'700'000'000);
  json.erase("created");
  EXPECT_EQ(json["timings"]["prompt_n"], 25);
  json.erase("timings");
  const Json want = Json::parse(R"({"id":"chatcmpl-my-id","object":"chat.completion","model":"nano",
    "choices":[{"index":0,"message":{"role":"assistant","content":"The answer","refusal":null,
      "reasoning_content":"let me see","reasoning":"let me see","x_boxed":["answer"]},
      "logprobs":null,"finish_reason":"stop"}],
    "usage":{"prompt_tokens":30,"completion_tokens":7,"total_tokens":37,
      "prompt_tokens_details":{"cached_tokens":5,"image_tokens":10,"text_tokens":20},
      "completion_tokens_details":{"reasoning_tokens":3}},
    "system_fingerprint":"glmv-test"})");
  EXPECT_EQ(nlohmann::json(json), nlohmann::json(want)) << json.dump(1);
}

TEST(ChatCompletions, StreamedTextIsTheWholeText) {
  Random random(7);
  const std::string alphabet[] = {
      "a",       " ", "\n", "\"", "\\", "data: ", "\xc3\xa9", "\xe4\xbd\xa0", "\xf0\x9f\x98\x80",
      "</think>"};
  for (int round = 0; round < 30; ++round) {
    ScriptedReply script;
    const auto num = random.below(12);
    for (uint64_t i = 0; i < num; ++i) {
      std::string text;
      for (uint64_t k = random.below(6); k > 0; --k)
        text += alphabet[random.below(std::size(alphabet))];
      script.pieces.push_back(random.below(3) == 0 ? api::ChatChunk{.reasoning = text}
                                                   : api::ChatChunk{.content = text});
    }
    script.reply.finish_reason = random.below(2) == 0 ? "stop" : "length";
    api::ScriptedBackend backend({script, script});
    Fixture server(backend);
    const Json whole = Json::parse(server.chat(question()).body);
    const auto answer =
        server.chat(question({{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
    ASSERT_TRUE(answer.complete);
    EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream; charset=utf-8");
    EXPECT_EQ(answer.headers.at("x-accel-buffering"), "no");
    const auto list = events(answer.body);
    ASSERT_GE(list.size(), 4u);
    EXPECT_EQ(list.back(), "[DONE]");
    std::string content, reasoning, finish;
    for (size_t i = 0; i + 1 < list.size(); ++i) {
      const Json chunk = Json::parse(list[i]);
      EXPECT_EQ(chunk["object"], "chat.completion.chunk");
      EXPECT_EQ(chunk["id"], Json::parse(list[0])["id"]);
      if (i + 2 == list.size()) {
        EXPECT_TRUE(chunk["choices"].empty());
        EXPECT_TRUE(chunk["usage"].is_object());
        continue;
      }
      EXPECT_TRUE(chunk["usage"].is_null());
      const Json& choice = chunk["choices"].at(0);
      if (i == 0) {
        EXPECT_EQ(choice["delta"]["role"], "assistant");
      }
      content += choice["delta"].value("content", "");
      reasoning += choice["delta"].value("reasoning_content", "");
      if (!choice["finish_reason"].is_null()) finish = choice["finish_reason"];
    }
    const Json& message = whole["choices"][0]["message"];
    EXPECT_EQ(content, message["content"]);
    EXPECT_EQ(reasoning, message.value("reasoning", ""));
    EXPECT_EQ(finish, whole["choices"][0]["finish_reason"]);
  }
}

TEST(ChatCompletions, SeveralChoicesHaveTheirIndices) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"}), ScriptedReply::text({"x"}),
                                ScriptedReply::text({"x"}), ScriptedReply::text({"y"}),
                                ScriptedReply::text({"y"}), ScriptedReply::text({"y"})});
  Fixture server(backend);
  const Json whole = Json::parse(server.chat(question({{"n", 3}, {"seed", 10}})).body);
  ASSERT_EQ(whole["choices"].size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(whole["choices"][i]["index"], i);
  std::set<uint64_t> seeds;
  for (const api::ChatRequest& request : backend.requests()) seeds.insert(*request.seed);
  EXPECT_EQ(seeds, (std::set<uint64_t>{10, 11, 12}));
  const auto list = events(server.chat(question({{"n", 3}, {"stream", true}})).body);
  std::map<int, std::string> texts;
  for (size_t i = 0; i + 1 < list.size(); ++i) {
    const Json choice = Json::parse(list[i])["choices"][0];
    texts[choice["index"]] += choice["delta"].value("content", "");
  }
  EXPECT_EQ(texts, (std::map<int, std::string>{{0, "y"}, {1, "y"}, {2, "y"}}));
}

TEST(ChatCompletions, LogprobsKeepTheirBytes) {
  ScriptedReply script = ScriptedReply::text({"a"});
  script.pieces[0].logprobs = {{.token = "\xe4\xbd",
                                .token_id = 3,
                                .logprob = -0.5f,
                                .top = {{.token = "b", .token_id = 4, .logprob = -INFINITY}}}};
  api::ScriptedBackend backend({script, script});
  Fixture server(backend);
  const Json ask = question({{"logprobs", true}, {"top_logprobs", 1}});
  const Json row = Json::parse(server.chat(ask).body)["choices"][0]["logprobs"]["content"][0];
  EXPECT_EQ(row["bytes"], (Json{0xe4, 0xbd}));
  EXPECT_EQ(row["token"], "\xef\xbf\xbd");
  EXPECT_EQ(row["top_logprobs"][0]["logprob"], -9999.0);
  Json stream = ask;
  stream["stream"] = true;
  const auto list = events(server.chat(stream).body);
  EXPECT_EQ(Json::parse(list[1])["choices"][0]["logprobs"]["content"][0], row);
}

TEST(ChatCompletions, FieldsReachTheBackend) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend);
  const auto answer = server.chat(question({{"temperature", 0.5},
                                            {"top_p", 0.9},
                                            {"top_k", -1},
                                            {"max_tokens", 100.0},
                                            {"max_completion_tokens", 7},
                                            {"seed", -3},
                                            {"stop", "END"},
                                            {"logit_bias", {{"5", 200}, {"6", -1}}},
                                            {"presence_penalty", 1},
                                            {"reasoning_effort", "low"},
                                            {"user", "somebody"},
                                            {"store", true},
                                            {"tools", Json::array()},
                                            {"response_format", {{"type", "text"}}},
                                            {"top_logprobs", nullptr},
                                            {"extra_body", {{"min_p", 0.1}, {"top_p", 0.2}}}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.headers.contains("x-glmv-warning"));
  const api::ChatRequest request = backend.requests().at(0);
  EXPECT_EQ(request.temperature, 0.5);
  EXPECT_EQ(request.top_p, 0.9);
  EXPECT_EQ(request.top_k, 0);
  EXPECT_EQ(request.min_p, 0.1);
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_EQ(request.seed, static_cast<uint64_t>(-3));
  EXPECT_EQ(request.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(request.logit_bias, (std::map<int32_t, double>{{5, 100}, {6, -1}}));
  EXPECT_EQ(request.thinking, api::Thinking::kOn);
  EXPECT_EQ(request.thinking_budget, 1024);
}

TEST(ChatCompletions, MediaReachTheBackendDecoded) {
  api::ScriptedBackend backend({ScriptedReply::text({"x"})});
  Fixture server(backend);
  const Json picture = {
      {"type", "image_url"},
      {"image_url",
       {{"detail", "low"},
        {"url", "data:image/gif;base64,R0lGODlhAQABAIAAAICAgAAAACwAAAAAAQABAAACAkQBADs="}}}};
  const auto answer =
      server.chat(question({{"messages", {{{"role", "user"}, {"content", {picture, picture}}}}},
                            {"mm_processor_kwargs", {{"max_pixels", 5000}}}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const api::ChatRequest request = backend.requests().at(0);
  EXPECT_FALSE(request.read_sources);
  EXPECT_EQ(request.max_pixels, 5000);
  const text::ContentPart& part = request.messages[0].content.at(1);
  EXPECT_EQ(part.source, "");
  EXPECT_EQ(part.detail, text::Detail::kLow);
  EXPECT_EQ(part.pixels.at(0).data.get()[0], 128);
}

struct BadCase {
  Json more;
  const char* param;
  int status = 400;
};

TEST(ChatCompletions, BadFieldsAreNamed) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const Json image = {{"type", "image_url"}, {"image_url", {{"url", "file:///etc/passwd"}}}};
  const BadCase cases[] = {
      {{{"temperature", 3}}, "temperature"},
      {{{"temperature", "hot"}}, "temperature"},
      {{{"top_p", 0}}, "top_p"},
      {{{"top_k", 1.5}}, "top_k"},
      {{{"max_tokens", 0}}, "max_tokens"},
      {{{"max_tokens", 1e30}}, "max_tokens"},
      {{{"max_tokens", 4097}}, "max_tokens"},  // of a context of 4096
      {{{"max_completion_tokens", 4097}, {"max_tokens", 5}}, "max_completion_tokens"},
      {{{"stream", true}, {"stream_options", {{"continuous_usage_stats", 1}}}},
       "continuous_usage_stats"},
      {{{"n", 0}}, "n"},
      {{{"n", 2147483648LL}}, "n"},
      {{{"n", 2}, {"temperature", 0}}, "n"},
      {{{"stop", {"a", ""}}}, "stop[1]"},
      {{{"stop", 5}}, "stop"},
      {{{"stop", std::string(257, 'a')}}, "stop"},
      {{{"stop", Json(std::vector<std::string>(17, "a"))}}, "stop"},
      {{{"logit_bias", {{"x", 1}}}}, "logit_bias"},
      {{{"logit_bias", {{"99999999999", 1}}}}, "logit_bias"},
      {{{"top_logprobs", 2}}, "top_logprobs"},
      {{{"logprobs", true}, {"top_logprobs", 21}}, "top_logprobs"},
      {{{"stream_options", {{"include_usage", true}}}}, "stream_options"},
      {{{"stream", 1}}, "stream"},
      {{{"reasoning_effort", "huge"}}, "reasoning_effort"},
      {{{"thinking", {{"type", "maybe"}}}}, "thinking"},
      {{{"tools", {{{"type", "function"}}}}}, "tools[0]"},
      {{{"response_format", {{"type", "xml"}}}}, "response_format.type"},
      {{{"response_format", {{"type", "json_schema"}}}}, "response_format.json_schema"},
      {{{"mm_processor_kwargs", {{"max_pixels", 0}}}}, "mm_processor_kwargs"},
      {{{"mm_processor_kwargs", {{"do_resize", false}}}}, "mm_processor_kwargs"},
      {{{"mm_processor_kwargs", 1}}, "mm_processor_kwargs"},
      {{{"messages", Json::array()}}, "messages"},
      {{{"messages", "hi"}}, "messages"},
      {{{"messages", {{{"role", "robot"}, {"content", "x"}}}}}, "messages[0].role"},
      {{{"messages", {{{"role", "user"}, {"content", {{{"type", "hologram"}}}}}}}},
       "messages[0].content[0].type"},
      {{{"messages", {{{"role", "user"}, {"content", {image}}}}}}, "messages[0].content[0]", 422},
      {{{"model", "gpt-4"}}, "model", 404},
  };
  for (const BadCase& c : cases) {
    for (const bool stream : {false, true}) {
      Json body = question(c.more);
      if (!c.more.contains("stream") && !c.more.contains("stream_options")) body["stream"] = stream;
      const auto answer = server.chat(body);
      EXPECT_EQ(answer.status, c.status) << body.dump() << answer.body;
      const Json error = Json::parse(answer.body)["error"];
      EXPECT_EQ(error["param"], c.param) << answer.body;
      EXPECT_TRUE(error["message"].is_string() && error["type"].is_string() &&
                  error["code"].is_string());
    }
  }
  for (const char* body :
       {"", "{", "[]", "\"x\"", "{\"messages\": NaN}", "{\"a\":\"\xff\"}", "null"}) {
    const auto answer = server.ask("POST", "/v1/chat/completions", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "invalid_json") << answer.body;
  }
  EXPECT_TRUE(backend.requests().empty());
}

TEST(ChatCompletions, TheFormOfTheAnswerReachesTheBackend) {
  ScriptedReply cut = ScriptedReply::text({"{"});
  cut.reply.grammar_dead_end = true;
  api::ScriptedBackend backend(
      {cut, ScriptedReply::failure(
                {Code::kInvalidArgument, "response_format.json_schema.schema: #/not: no"})});
  Fixture server(backend);
  const Json format = {{"type", "json_schema"},
                       {"json_schema", {{"name", "n"}, {"schema", {{"type", "integer"}}}}}};
  auto answer = server.chat(question({{"response_format", format}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(Json::parse(answer.body)["choices"][0]["x_grammar_dead_end"], true);
  const auto constraint = backend.requests().at(0).constraint;
  ASSERT_TRUE(constraint);
  EXPECT_EQ(constraint->kind, api::ConstraintKind::kJsonSchema);
  EXPECT_EQ(constraint->text, R"({"type":"integer"})");
  answer = server.chat(question({{"response_format", format}}));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(Json::parse(answer.body)["error"]["param"], "response_format.json_schema.schema");
}

TEST(ChatCompletions, ErrorsOfTheBackend) {
  ScriptedReply late = ScriptedReply::failure({Code::kInternal, "the step broke"});
  late.pieces.push_back({.content = "partial"});
  api::ScriptedBackend backend(
      {ScriptedReply::failure({Code::kInvalidArgument, "messages[0].content: no"}),
       ScriptedReply::failure({Code::kInternal, "bug"}), late,
       ScriptedReply::failure({Code::kInvalidArgument, "the maximum context length is 5 tokens"}),
       ScriptedReply::failure({Code::kResourceExhausted, "no memory left for this request"})});
  std::vector<std::string> log;
  Fixture server(backend, {.model = "nano", .on_failure = [&](const auto& id, const auto& detail) {
                             log.push_back(id + ": " + detail);
                           }});
  auto answer = server.chat(question({{"stream", true}}));  // nothing was sent yet: a status
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(Json::parse(answer.body)["error"]["param"], "messages[0].content");
  answer = server.chat(question());
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.headers.at("x-should-retry"), "false");
  EXPECT_EQ(log.back(), answer.headers.at("x-request-id") + ": bug");
  EXPECT_EQ(answer.body.find("bug"), std::string::npos);
  answer = server.chat(question({{"stream", true}}));
  EXPECT_EQ(answer.status, 200);
  const auto list = events(answer.body);
  EXPECT_EQ(list.back(), "[DONE]");
  EXPECT_EQ(Json::parse(list[list.size() - 2])["error"]["code"], "internal_error");
  EXPECT_EQ(answer.body.find("the step broke"), std::string::npos);
  EXPECT_EQ(log.back(), answer.headers.at("x-request-id") + ": the step broke");
  EXPECT_TRUE(answer.complete);
  answer = server.chat(question());
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "context_length_exceeded");
  answer = server.chat(question());
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers.at("retry-after"), "5");
  EXPECT_FALSE(answer.headers.contains("x-should-retry"));
}

// A body that ends as it should looks whole, whatever its last event says.
TEST(ChatCompletions, TheEndOfTheEngineCutsItsStreams) {
  ScriptedReply late = ScriptedReply::failure({Code::kInternal, "the engine has ended"});
  late.pieces.push_back({.content = "partial"});
  api::ScriptedBackend backend({late});
  Fixture server(backend);
  server.service().state.engine_alive = false;
  const auto answer = server.chat(question({{"stream", true}}));
  EXPECT_FALSE(answer.complete);
  const auto list = events(answer.body);
  ASSERT_GE(list.size(), 2u);
  EXPECT_EQ(list.back(), "[DONE]");
  EXPECT_EQ(Json::parse(list[list.size() - 2])["error"]["code"], "internal_error");
}

void throwing(const Call& call) {
  if (call.names[0] == "late") call.reply.start(200, {}, {}, 10);
  throw std::runtime_error("a bug of 0x1234");
}

TEST(Routes, ABugInAnEndpointHasAnIdAndALine) {
  constexpr Route kTable[] = {{"GET", "/bug/*", throwing, "a bug"}};
  api::ScriptedBackend backend({});
  std::vector<std::string> log;
  Fixture server(backend,
                 {.model = "nano",
                  .on_failure = [&](const auto& id,
                                    const auto& detail) { log.push_back(id + ": " + detail); }},
                 kTable);
  const auto answer = server.ask("GET", "/bug/early", "", "X-Request-Id: mine\r\n");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.headers.at("x-request-id"), "mine");
  EXPECT_EQ(answer.headers.at("x-should-retry"), "false");
  EXPECT_EQ(answer.body.find("0x1234"), std::string::npos);
  EXPECT_FALSE(server.ask("GET", "/bug/late", "", "X-Request-Id: other\r\n").complete);
  EXPECT_EQ(log, (std::vector<std::string>{"mine: a bug of 0x1234", "other: a bug of 0x1234"}));
}

class BrokenBackend : public api::ChatBackend {
 public:
  Result<api::ChatReply> chat(const api::ChatRequest&, const api::OnChunk&) override {
    throw std::runtime_error("a bug");
  }
};

TEST(ChatCompletions, AnExceptionFailsItsRequestOnly) {
  BrokenBackend backend;
  Fixture server(backend);
  for (const int n : {1, 3}) {
    for (const bool stream : {false, true}) {
      const auto answer = server.chat(question({{"n", n}, {"stream", stream}}));
      EXPECT_EQ(answer.status, 500);
      EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "internal_error") << answer.body;
    }
  }
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
}

TEST(ChatCompletions, AClientThatLeavesEndsItsWork) {
  EndlessBackend backend;
  Fixture server(backend);
  for (const bool stream : {true, false}) {
    net::TestConnection client(server.port());
    client.request("POST", "/v1/chat/completions", question({{"stream", stream}}).dump());
    backend.began.acquire();
    client.close();
    EXPECT_TRUE(backend.ended.try_acquire_for(5s)) << stream;
  }
}

TEST(Requests, AreCancelledById) {
  EndlessBackend backend;
  Fixture server(backend);
  net::HttpAnswer answer;
  std::thread client([&] {
    answer =
        server.ask("POST", "/v1/chat/completions", question().dump(), "X-Request-Id: mine\r\n");
  });
  backend.began.acquire();
  EXPECT_EQ(server.ask("POST", "/v1/requests/other/cancel").status, 404);
  EXPECT_EQ(server.ask("POST", "/v1/requests/chatcmpl-mine/cancel").status, 200);
  client.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(server.ask("POST", "/v1/requests/mine/cancel").status, 404);
  EXPECT_EQ(server.ask("POST", "/v1/requests//cancel").status, 404);
}

// Thinks until it is asked to stop that.
class ThinkingBackend : public api::ChatBackend {
 public:
  Result<api::ChatReply> chat(const api::ChatRequest& request,
                              const api::OnChunk& on_chunk) override {
    while (!*request.end_thinking && on_chunk({.reasoning = "hm"}))
      std::this_thread::sleep_for(2ms);
    on_chunk({.content = "yes"});
    api::ChatReply reply;
    reply.content = "yes";
    reply.finish_reason = "stop";
    return reply;
  }
};

TEST(Requests, EndTheirThoughtWhenAsked) {
  ThinkingBackend backend;
  Fixture server(backend);
  net::TestConnection client(server.port());
  client.request("POST", "/v1/chat/completions", question({{"stream", true}}).dump());
  while (client.received().find("reasoning") == std::string::npos && client.more()) {
  }
  const std::string received = client.received();
  const size_t at = received.find("chatcmpl-");
  const std::string id = received.substr(at, received.find('"', at) - at);
  EXPECT_EQ(server.ask("POST", "/v1/requests/" + id + "/end_thinking").status, 200);
  EXPECT_NE(client.answer().body.find("\"content\":\"yes\""), std::string::npos);
}

TEST(Limits, MoreRequestsThanTheQueueHoldsComeAgainLater) {
  EndlessBackend backend;
  Fixture server(backend, {.model = "nano", .max_requests = 2});
  net::TestConnection first(server.port()), second(server.port());
  first.request("POST", "/v1/chat/completions", question({{"stream", true}}).dump());
  second.request("POST", "/v1/chat/completions", question({{"stream", true}}).dump());
  backend.began.acquire();
  backend.began.acquire();
  const auto third = server.chat(question());
  EXPECT_EQ(third.status, 503);
  EXPECT_TRUE(third.headers.contains("retry-after"));
  EXPECT_EQ(Json::parse(third.body)["error"]["code"], "queue_full");
  EXPECT_EQ(server.ask("GET", "/ready").status, 503);
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  backend.stop = true;
  EXPECT_TRUE(first.answer().complete);
  EXPECT_TRUE(second.answer().complete);
  EXPECT_EQ(server.ask("GET", "/ready").status, 200);
  server.server().start_draining();
  EXPECT_EQ(server.ask("GET", "/ready").status, 503);
  EXPECT_EQ(server.chat(question()).status, 503);
}

TEST(Limits, APlaceIsFreeBeforeTheReplyEnds) {
  api::ScriptedBackend backend(std::vector(100, ScriptedReply::text({"x"})));
  Fixture server(backend, {.model = "nano", .max_requests = 1});
  const Json image = {{"type", "image_url"},
                      {"image_url", {{"url", "data:image/png;base64,AAAA"}}}};
  const Json broken =
      question({{"messages", {{{"role", "user"}, {"content", Json::array({image})}}}}});
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(server.chat(question()).status, 200) << i;
    ASSERT_EQ(server.chat(question({{"stream", true}})).status, 200) << i;
    ASSERT_EQ(server.chat(broken).status, 422) << i;
  }
}

TEST(Tokens, OfTextAndOfPrompts) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const auto ask = [&](const char* path, const Json& body) {
    const auto answer = server.ask("POST", path, body.dump());
    return std::pair(answer.status, Json::parse(answer.body));
  };
  EXPECT_EQ(
      ask("/tokenize", {{"prompt", "hello"}, {"return_token_strs", true}}).second,
      (Json{{"count", 1}, {"max_model_len", 4096}, {"tokens", {5}}, {"token_strs", {"<5>"}}}));
  EXPECT_EQ(ask("/tokenize", {{"prompt", "hello"}, {"parse_special", false}}).second["tokens"],
            Json({1005}));
  EXPECT_EQ(ask("/tokenize", {{"prompt", "hello"}, {"add_special_tokens", true}}).second["tokens"],
            Json({7, 5}));
  const Json prompt = ask("/tokenize", question()).second;
  EXPECT_EQ(prompt["count"], 4);
  EXPECT_EQ(prompt["media"][0], (Json{{"kind", "image"},
                                      {"width", 28},
                                      {"height", 56},
                                      {"grid_thw", {1, 2, 4}},
                                      {"tokens", 2}}));
  EXPECT_EQ(ask("/v1/chat/completions/input_tokens", question()).second["input_tokens"], 4);
  EXPECT_EQ(ask("/v1/chat/completions/input_tokens", question()).second["image_tokens"], 2);
  EXPECT_EQ(ask("/detokenize", {{"tokens", {1, 2}}}).second, (Json{{"prompt", "<1><2>"}}));
  EXPECT_EQ(ask("/apply-template", question()).second, (Json{{"prompt", "[gMASK]hi"}}));
  for (const char* path :
       {"/tokenize", "/detokenize", "/apply-template", "/v1/chat/completions/input_tokens"}) {
    for (const Json& bad : {Json::array(), Json(5), Json::object(), Json{{"prompt", 5}},
                            Json{{"prompt", "bad"}}, Json{{"tokens", "x"}}, Json{{"tokens", {-1}}},
                            Json{{"tokens", {1e20}}}, Json{{"messages", 5}}}) {
      const auto [status, body] = ask(path, bad);
      EXPECT_EQ(status, 400) << path << bad;
      EXPECT_TRUE(body["error"]["message"].is_string());
    }
  }
}

TEST(Metrics, TellWhatHappened) {
  ScriptedReply fine = ScriptedReply::text({"x"});
  fine.reply.timings = {.decode_ms = 900, .time_to_first_token_ms = 30};
  fine.reply.usage.completion_tokens = 10;
  api::ScriptedBackend backend({fine, fine, ScriptedReply::failure({Code::kInternal, "bug"})});
  Fixture server(backend);
  server.chat(question());
  server.chat(question({{"stream", true}}));
  server.chat(question());
  server.chat(question({{"n", 0}}));
  const auto answer = server.ask("GET", "/metrics");
  EXPECT_TRUE(answer.headers.at("content-type").starts_with("text/plain"));
  for (const char* line :
       {"glmv:num_requests_running{model_name=\"nano\"} 2",
        "glmv:kv_cache_usage_perc{model_name=\"nano\"} 0.25",
        "glmv:prefix_cache_queries_total{model_name=\"nano\"} 100",
        "glmv:request_success_total{model_name=\"nano\",finished_reason=\"stop\"} 2",
        "glmv:request_errors_total{model_name=\"nano\",code=\"internal_error\"} 1",
        "glmv:request_errors_total{model_name=\"nano\",code=\"invalid_value\"} 1",
        "glmv:time_to_first_token_seconds_bucket{model_name=\"nano\",le=\"0.04\"} 2",
        "glmv:inter_token_latency_seconds_sum{model_name=\"nano\"} 0.2"}) {
    EXPECT_NE(answer.body.find(line), std::string::npos) << line << "\n" << answer.body;
  }
  EXPECT_EQ(Json::parse(server.ask("GET", "/load").body), (Json{{"server_load", 0}}));
}

TEST(Access, KeysHostsAndRoutes) {
  api::ScriptedBackend backend({});
  Fixture server(
      backend, {.model = "nano", .api_keys = {"secret", "other"}, .allowed_hosts = {"localhost"}});
  EXPECT_EQ(server.ask("GET", "/v1/models").status, 401);
  EXPECT_EQ(server.ask("GET", "/nothing").status, 401);  // nor does it tell what there is
  EXPECT_EQ(server.ask("GET", "/v1/models", "", "Authorization: Bearer secre\r\n").status, 401);
  EXPECT_EQ(server.ask("GET", "/v1/models", "", "Authorization: Bearer \r\n").status, 401);
  EXPECT_EQ(server.ask("GET", "/v1/models", "", "Authorization: Bearer other\r\n").status, 200);
  EXPECT_EQ(server.ask("GET", "/v1/models", "", "x-api-key: secret\r\n").status, 200);
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  const std::string_view key = "Authorization: Bearer secret\r\n";
  for (const char* path :
       {"//v1/models", "/v1/../v1/models", "/v1%2fmodels", "/v1/models/", "/V1/models"}) {
    EXPECT_EQ(server.ask("GET", path, "", key).status, 404) << path;
    EXPECT_EQ(server.ask("GET", path).status, 401) << path;
  }
  EXPECT_EQ(server.ask("GET", "/v1/chat/completions", "", key).status, 405);
  EXPECT_EQ(server.ask("GET", "/v1/models/nano", "", key).status, 200);
  EXPECT_EQ(server.ask("GET", "/v1/models/x", "", key).status, 404);
  net::TestConnection client(server.port());
  client.send("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(client.answer().status, 403);
  client.send("GET /health HTTP/1.1\r\nHost: localhost:8000\r\n\r\n");
  EXPECT_EQ(client.answer().status, 200);
}

// In circles, and said again: in a whole reply, in a stream, and in the forms of others as a cut.
TEST(Server, RepliesSayThatTheyRepeat) {
  ScriptedReply script = ScriptedReply::text({"x"});
  script.reply.finish_reason = "repetition";
  script.reply.restated = true;
  api::ScriptedBackend backend({script, script, script});
  Fixture server(backend);
  const auto check = [](const Json& choice) {
    EXPECT_EQ(choice["finish_reason"], "length");
    EXPECT_EQ(choice["stop_reason"], "repetition");
    EXPECT_EQ(choice["x_repetition"], true);
    EXPECT_EQ(choice["x_restated"], true);
  };
  check(Json::parse(server.chat(question()).body)["choices"][0]);
  const auto streamed = events(server.chat(question({{"stream", true}})).body);
  ASSERT_GE(streamed.size(), 2u);
  check(Json::parse(streamed[streamed.size() - 2])["choices"][0]);
  const Json body = {{"max_tokens", 5}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  EXPECT_EQ(Json::parse(server.ask("POST", "/v1/messages", body.dump()).body)["stop_reason"],
            "max_tokens");
}

}  // namespace
}  // namespace glmv::server
