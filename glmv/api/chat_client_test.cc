#include "glmv/api/chat_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "glmv/media/base64.h"
#include "glmv/media/png_writer.h"
#include "glmv/net/scripted_server_for_test.h"

namespace glmv::api {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::HasSubstr;
using Peer = net::ScriptedServer::Peer;
using Request = net::ScriptedServer::Request;

std::string answer(int status, const std::string& body, const std::string& headers = "") {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(),
                     headers, body);
}
constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id: r1\r\n\r\n";

std::string event(const Json& json) { return "data: " + json.dump() + "\n\n"; }
std::string delta(const Json& fields) {
  return event({{"choices", {{{"index", 0}, {"delta", fields}}}}});
}
std::string ending(const Json& fields = {{"finish_reason", "stop"}}) {
  Json choice = {{"index", 0}, {"delta", Json::object()}};
  choice.update(fields);
  return event({{"choices", {choice}}});
}
constexpr std::string_view kDone = "data: [DONE]\n\n";

std::string models(const std::string& owner) {
  return Json{{"data", {{{"id", "m1"}, {"owned_by", owner}, {"max_model_len", 4096}}}}}.dump();
}

// A server of some kind, whose chats are answered by `chat`.
class FakeServer {
 public:
  explicit FakeServer(net::ScriptedServer::Answer chat, std::string owner = "vllm")
      : server_([chat = std::move(chat), owner](const Peer& peer, const Request& request) {
          if (request.head.starts_with("GET /v1/models ")) {
            peer.send(answer(200, models(owner)));
          } else {
            chat(peer, request);
          }
        }) {}

  ChatClientOptions options() const { return {.base_url = server_.url()}; }
  std::unique_ptr<ChatBackend> client(ChatClientOptions options = {}) const {
    options.base_url = server_.url();
    auto made = make_chat_client(options);
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  Json body(size_t request = 1) const { return Json::parse(server_.requests().at(request).body); }
  const net::ScriptedServer& server() const { return server_; }

 private:
  net::ScriptedServer server_;
};

net::ScriptedServer::Answer stream(const std::string& events) {
  return
      [events](const Peer& peer, const Request&) { peer.send(std::string(kStreamHead) + events); };
}

ChatRequest question(std::string text = "hi") {
  ChatRequest request;
  request.messages.push_back(text::Message::user(std::move(text)));
  return request;
}

TEST(ChatClient, KnowsServersByTheirUrls) {
  EXPECT_TRUE(is_server_url("http://127.0.0.1:8000/v1"));
  EXPECT_TRUE(is_server_url("HTTPS://example.com"));
  EXPECT_FALSE(is_server_url("models/nano"));
  EXPECT_FALSE(is_server_url("http:/x"));
  for (const char* bad :
       {"http://", "http://user:pw@host/v1", "http://host/v1?x=1", "http://a b"}) {
    const auto made = make_chat_client({.base_url = bad});
    ASSERT_FALSE(made) << bad;
    EXPECT_EQ(made.error().code, Code::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(make_chat_client({.base_url = "http://127.0.0.1:1", .api_key = "a\nb"}));
}

TEST(ChatClient, TakesTheModelThatIsListed) {
  FakeServer fake(stream(delta({{"content", "a"}}) + ending() + std::string(kDone)));
  for (const char* path : {"", "/", "/v1", "/v1/", "/v1/chat/completions"}) {
    const auto model = ask_server_model(
        {.base_url = "http://127.0.0.1:" + std::to_string(fake.server().port()) + path});
    ASSERT_TRUE(model) << path << ": " << model.error().message;
    EXPECT_EQ(model->name, "m1");
    EXPECT_EQ(model->kind, ServerKind::kVllm);
    EXPECT_EQ(model->max_context_tokens, 4096);
  }
  const auto named = ask_server_model({.base_url = fake.server().url(), .model = "m2"});
  ASSERT_TRUE(named);
  EXPECT_EQ(named->name, "m2");
  EXPECT_EQ(named->kind, ServerKind::kVllm);
}

TEST(ChatClient, AServerWithoutAListNeedsAName) {
  for (const auto& [status, body] :
       std::vector<std::pair<int, std::string>>{{404, "{}"},
                                                {200, "<html>"},
                                                {200, "{\"data\": []}"},
                                                {200, "[]"},
                                                {200, "{\"data\": 3}"},
                                                {200, "{\"data\": [3, {\"id\": 4}]}"}}) {
    net::ScriptedServer server(
        [&](const Peer& peer, const Request&) { peer.send(answer(status, body)); });
    EXPECT_FALSE(ask_server_model({.base_url = server.url()})) << body;
    const auto named = ask_server_model({.base_url = server.url(), .model = "m"});
    ASSERT_TRUE(named) << body;
    EXPECT_EQ(named->kind, ServerKind::kOther);
  }
}

TEST(ChatClient, StreamsThoughtAndAnswer) {
  FakeServer fake(stream(": keep-alive\n\n" + delta({{"role", "assistant"}, {"content", ""}}) +
                         delta({{"reasoning_content", "th"}, {"reasoning", "th"}}) +
                         delta({{"reasoning", "ink"}}) + "event: progress\ndata: half\n\n" +
                         delta({{"content", "an"}}) + delta({{"content", "swer"}}) + ending() +
                         event({{"choices", Json::array()},
                                {"usage",
                                 {{"prompt_tokens", 7},
                                  {"completion_tokens", 5},
                                  {"prompt_tokens_details", {{"cached_tokens", 2}}},
                                  {"completion_tokens_details", {{"reasoning_tokens", 3}}}}}}) +
                         std::string(kDone)));
  ChatRequest request = question();
  request.temperature = 0.5;
  request.top_k = 0;
  request.seed = 7;
  request.stop = {"END"};
  request.thinking = Thinking::kOff;
  request.thinking_budget = 100;
  std::string reasoning, content;
  const auto client = fake.client({.api_key = "KEY"});
  const auto reply = client->chat(request, [&](const ChatChunk& chunk) {
    reasoning += chunk.reasoning;
    content += chunk.content;
    return true;
  });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->reasoning, "think");
  EXPECT_EQ(reply->content, "answer");
  EXPECT_EQ(reasoning, "think");
  EXPECT_EQ(content, "answer");
  EXPECT_EQ(reply->raw_text, "<think>think</think>answer");
  EXPECT_EQ(reply->finish_reason, "stop");
  EXPECT_EQ(reply->usage.prompt_tokens, 7);
  EXPECT_EQ(reply->usage.completion_tokens, 5);
  EXPECT_EQ(reply->usage.cached_tokens, 2);
  EXPECT_EQ(reply->usage.reasoning_tokens, 3);
  EXPECT_GT(reply->timings.time_to_first_token_ms, 0);

  const Json body = fake.body();
  EXPECT_EQ(body["model"], "m1");
  EXPECT_EQ(body["messages"], Json::parse(R"([{"role": "user", "content": "hi"}])"));
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["top_k"], -1);
  EXPECT_EQ(body["seed"], 7);
  EXPECT_EQ(body["stop"], Json::array({"END"}));
  EXPECT_EQ(body["chat_template_kwargs"]["enable_thinking"], false);
  EXPECT_EQ(body["thinking_token_budget"], 100);
  EXPECT_EQ(body["skip_special_tokens"], false);
  EXPECT_FALSE(body.contains("top_p"));
  EXPECT_FALSE(body.contains("box_markers"));
  EXPECT_THAT(fake.server().requests()[1].head, HasSubstr("Authorization: Bearer KEY"));
}

// Servers without a parser leave all tags in the text.
TEST(ChatClient, TagsAreReadHere) {
  FakeServer fake(stream(
      delta({{"content", "<thi"}}) + delta({{"content", "nk>t</think><answer>It is <|begin"}}) +
      delta({{"content", "_of_box|>[[100,200,300,400]]<|end_of_box|></answer>"}}) +
      delta({{"content", "\nIt is [[100,200,300,400]]"}}) + ending()));
  ChatRequest request = question();
  request.drop_restated = true;
  const auto reply = fake.client()->chat(request, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->reasoning, "t");
  EXPECT_EQ(reply->content, "It is [[100,200,300,400]]");
  EXPECT_TRUE(reply->restated);
  ASSERT_EQ(reply->boxes.size(), 1u);
  EXPECT_EQ(reply->boxes[0].x1, 100);
  EXPECT_EQ(reply->boxed, std::vector<std::string>{"[[100,200,300,400]]"});
}

TEST(ChatClient, ToolCallsComeInPieces) {
  const auto call = [](Json fields) {
    return delta({{"tool_calls", Json::array({std::move(fields)})}});
  };
  FakeServer fake(stream(
      call({{"index", 0}, {"id", "call_1"}, {"function", {{"name", "f"}, {"arguments", ""}}}}) +
      call({{"index", 0}, {"function", {{"arguments", "{\"a\":"}}}}) +
      call({{"index", 0}, {"function", {{"arguments", "1}"}}}}) +
      call({{"index", 1}, {"id", "call_2"}, {"function", {{"name", "g"}, {"arguments", "{}"}}}}) +
      call({{"index", 7}, {"id", "call_9"}, {"function", {{"name", "lost"}}}}) +
      ending({{"finish_reason", "tool_calls"}})));
  ChatRequest request = question();
  request.tools = Json::parse(R"([{"type": "function", "function": {"name": "f"}}])");
  request.tool_choice = ToolChoice::kNamed;
  request.tool_name = "f";
  request.parallel_tool_calls = false;
  text::Message earlier = text::Message::assistant("");
  earlier.tool_calls =
      Json::parse(R"([{"id": "c", "function": {"name": "f", "arguments": {"x": "\u4f60"}}}])");
  request.messages.push_back(earlier);
  text::Message result = text::Message::user("R");
  result.role = "tool";
  result.tool_call_id = "c";
  request.messages.push_back(result);
  const auto reply = fake.client()->chat(request, {});
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->tool_calls.size(), 2u);
  EXPECT_EQ(reply->tool_calls[0].id, "call_1");
  EXPECT_EQ(reply->tool_calls[0].arguments, "{\"a\":1}");
  EXPECT_EQ(reply->tool_calls[1].name, "g");
  EXPECT_EQ(reply->finish_reason, "tool_calls");
  const Json body = fake.body();
  EXPECT_EQ(body["tool_choice"]["function"]["name"], "f");
  EXPECT_EQ(body["parallel_tool_calls"], false);
  EXPECT_EQ(body["messages"][1]["tool_calls"][0]["function"]["arguments"],
            "{\"x\":\"\xE4\xBD\xA0\"}");
  EXPECT_EQ(body["messages"][2]["tool_call_id"], "c");
}

TEST(ChatClient, LogprobsAndEndings) {
  const Json entry = {{"token", "a"},
                      {"bytes", {97, 255}},
                      {"logprob", -0.5},
                      {"top_logprobs", {{{"token", "b"}, {"logprob", -1.5}}}}};
  FakeServer fake(stream(
      event({{"choices",
              {{{"index", 0},
                {"delta", {{"content", "a"}}},
                {"logprobs", {{"content", {entry}}}},
                {"token_ids", {5, 6}}}}}}) +
      event({{"choices", {{{"index", 1}, {"delta", {{"content", "other choice"}}}}}}}) +
      ending({{"finish_reason", "length"}, {"stop_reason", "repetition"}, {"x_restated", true}})));
  ChatRequest request = question();
  request.logprobs = true;
  request.top_logprobs = 1;
  const auto reply = fake.client()->chat(request, {});
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->logprobs.size(), 1u);
  EXPECT_EQ(reply->logprobs[0].token, "a\xFF");
  EXPECT_FLOAT_EQ(reply->logprobs[0].top[0].logprob, -1.5F);
  EXPECT_EQ(reply->output_ids, (std::vector<int32_t>{5, 6}));
  EXPECT_EQ(reply->content, "a");
  EXPECT_EQ(reply->finish_reason, "repetition");
  EXPECT_TRUE(reply->restated);
  EXPECT_EQ(reply->usage.completion_tokens, 1);  // counted, for the server says nothing
}

TEST(ChatClient, AWholeReplyIsOneToo) {
  FakeServer fake([](const Peer& peer, const Request&) {
    peer.send(answer(200,
                     R"({"choices": [{"index": 0, "message": {"role": "assistant", "content": "a",
                         "reasoning_content": "t", "tool_calls": [{"id": "c", "function":
                         {"name": "f", "arguments": "{}"}}]}, "finish_reason": "stop"}],
                         "usage": {"prompt_tokens": 3, "completion_tokens": 1}})",
                     "Content-Type: application/json\r\n"));
  });
  std::string shown;
  const auto reply = fake.client()->chat(question(), [&](const ChatChunk& chunk) {
    shown += chunk.content;
    return true;
  });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->content, "a");
  EXPECT_EQ(shown, "a");
  EXPECT_EQ(reply->reasoning, "t");
  ASSERT_EQ(reply->tool_calls.size(), 1u);
}

struct Refusal {
  int status;
  const char* body;
  Code code;
  const char* text;
};

TEST(ChatClient, ErrorsAreInTheServersWords) {
  const Refusal kRefusals[] = {
      {400, R"({"error": {"message": "top_k is no number"}})", Code::kInvalidArgument,
       "top_k is no"},
      {401, R"({"error": {"message": "no key"}})", Code::kInvalidArgument, "--api-key"},
      {403, "", Code::kInvalidArgument, "403"},
      {404, R"({"error": "no such model"})", Code::kNotFound, "no such model"},
      {413, R"({"detail": "too long"})", Code::kResourceExhausted, "too long"},
      {422, R"({"detail": [{"msg": "field required"}]})", Code::kUnsupported, "field required"},
      {429, R"({"message": "slow down", "object": "error"})", Code::kResourceExhausted,
       "slow down"},
      {500, "<html>\x01 oops", Code::kUnavailable, "oops"},
      {503, "\xFF\xFE", Code::kUnavailable, "503"},
      {302, "", Code::kUnavailable, "redirects to"},
  };
  for (const Refusal& refusal : kRefusals) {
    FakeServer fake([&](const Peer& peer, const Request&) {
      peer.send(answer(refusal.status, refusal.body, "Location: http://other/\r\n"));
    });
    const auto reply = fake.client()->chat(question(), {});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, refusal.code) << refusal.body;
    EXPECT_THAT(reply.error().message, HasSubstr(refusal.text));
    EXPECT_THAT(reply.error().message, HasSubstr(fake.server().url()));
  }
  const auto nobody = make_chat_client({.base_url = "http://127.0.0.1:1/v1"});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::kUnavailable);
  EXPECT_THAT(nobody.error().message, HasSubstr("Connection refused"));
}

struct Cut {
  std::string events;
  const char* text;
};

TEST(ChatClient, HostileStreams) {
  const std::string piece = delta({{"content", "so far"}});
  const Cut kCuts[] = {
      {piece, "not whole"},
      {piece + "data: {\"cho", "no JSON"},
      {piece + "data: {\"choices\": [}\n\n", "no JSON"},
      {piece + "data: 3\n\n", "no JSON"},
      {piece + event({{"error", {{"message", "engine died"}, {"code", 500}}}}), "engine died"},
      {piece + event({{"error", "plain"}}), "plain"},
      {piece + event({{"object", "error"}, {"message", "old form"}}), "old form"},
      {piece + "event: error\ndata: {\"message\": \"named\"}\n\n", "named"},
      {piece + "event: error\ndata: words\n\n", "words"},
      {"", "without an end"},
      {"data: [DO", "no JSON"},
  };
  for (const Cut& cut : kCuts) {
    FakeServer fake(stream(cut.events));
    std::string shown;
    const auto reply = fake.client()->chat(question(), [&](const ChatChunk& chunk) {
      shown += chunk.content;
      return true;
    });
    ASSERT_FALSE(reply) << cut.events;
    EXPECT_EQ(reply.error().code, Code::kUnavailable) << cut.events;
    EXPECT_THAT(reply.error().message, HasSubstr(cut.text)) << cut.events;
    EXPECT_EQ(shown, cut.events.starts_with(piece) ? "so far" : "");
  }
}

TEST(ChatClient, StrangeJsonIsTaken) {
  const std::string strange =
      event({{"choices", 3}}) + event({{"choices", {3, nullptr, Json::array()}}}) +
      event(Json::object()) +
      event({{"choices", {{{"delta", 7}}}}, {"usage", 4}, {"timings", "x"}}) +
      delta({{"content", {{{"type", "text"}}}}, {"tool_calls", 5}, {"reasoning", 1.5}}) +
      delta({{"tool_calls", {4, {{"index", -3}}, {{"index", 1e300}}, {{"function", "f"}}}}}) +
      event({{"choices",
              {{{"delta", nullptr},
                {"logprobs", {{"content", {1, {{"bytes", {-1, 999, "x"}}}}}}},
                {"token_ids", {"a", 1e99}},
                {"stop_reason", {1}}}}},
             {"prompt_progress", 5},
             {"usage", {{"prompt_tokens", "many"}, {"completion_tokens", -4}}}});
  FakeServer fake(stream(strange + delta({{"content", "ok"}}) + ending()));
  const auto reply = fake.client()->chat(question(), {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->content, "ok");
}

TEST(ChatClient, AResetInTheMiddle) {
  FakeServer fake([](const Peer& peer, const Request&) {
    peer.send(std::string(kStreamHead) + delta({{"content", "so far"}}));
    std::this_thread::sleep_for(50ms);
    peer.reset();
  });
  const auto reply = fake.client()->chat(question(), {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("not whole"));
}

TEST(ChatClient, SilenceIsATimeOut) {
  FakeServer fake([](const Peer& peer, const Request&) {
    peer.send(std::string(kStreamHead) + delta({{"content", "so far"}}));
    peer.gone_within(5s);
  });
  const auto reply = fake.client({.timeout_s = 0.3})->chat(question(), {});
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("not a byte came for 0.3 s"));
}

TEST(ChatClient, CancelClosesTheConnection) {
  std::atomic<bool> closed = false;
  FakeServer fake([&](const Peer& peer, const Request&) {
    peer.send(std::string(kStreamHead) + delta({{"content", "so far"}}));
    closed = peer.gone_within(5s);
  });
  const auto client = fake.client();
  const Clock::time_point start = Clock::now();
  Clock::time_point refused;
  const auto reply = client->chat(question(), [&](const ChatChunk&) {
    if (Clock::now() - start < 300ms) return true;
    refused = Clock::now();
    return false;
  });
  EXPECT_LT(Clock::now() - refused, 100ms);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->finish_reason, "cancelled");
  EXPECT_EQ(reply->content, "so far");
  for (int i = 0; i < 100 && !closed; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(closed);
}

TEST(ChatClient, ConstraintsHaveTheServersNames) {
  struct Row {
    const char* owner;
    ConstraintKind kind;
    const char* text;
    const char* pointer;  // "": unsupported
  };
  using Kind = ConstraintKind;
  const Row kRows[] = {
      {"glmv", Kind::kJsonSchema, "{}", "/response_format/json_schema/schema"},
      {"other", Kind::kJsonObject, "", "/response_format/type"},
      {"glmv", Kind::kRegex, "a+", "/structured_outputs/regex"},
      {"vllm", Kind::kChoice, "[\"a\"]", "/structured_outputs/choice"},
      {"sglang", Kind::kRegex, "a+", "/regex"},
      {"sglang", Kind::kEbnf, "root ::= \"a\"", "/ebnf"},
      {"sglang", Kind::kGbnf, "root ::= \"a\"", ""},
      {"sglang", Kind::kChoice, "[\"a\"]", ""},
      {"vllm", Kind::kGbnf, "root ::= \"a\"", "/structured_outputs/grammar"},
      {"llamacpp", Kind::kGbnf, "root ::= \"a\"", "/grammar"},
      {"glmv", Kind::kStructuralTag, "{\"type\": \"structural_tag\"}", "/response_format/type"},
      {"glmv", Kind::kJsonSchema, "{", ""},
  };
  for (const Row& row : kRows) {
    FakeServer fake(stream(delta({{"content", "a"}}) + ending()), row.owner);
    ChatRequest request = question();
    request.constraint = Constraint{row.kind, row.text, "--form"};
    const auto reply = fake.client()->chat(request, {});
    if (*row.pointer == 0) {
      ASSERT_FALSE(reply) << row.owner;
      EXPECT_THAT(reply.error().message, HasSubstr("--form"));
    } else {
      ASSERT_TRUE(reply) << row.owner << row.text;
      EXPECT_TRUE(fake.body().contains(Json::json_pointer(row.pointer)))
          << row.owner << row.pointer;
    }
  }
}

TEST(ChatClient, WhatCannotBeAskedIsSaid) {
  FakeServer fake(stream(ending()));
  const auto client = fake.client();
  const auto expect = [&](const ChatRequest& request, const char* text) {
    const auto reply = client->chat(request, {});
    ASSERT_FALSE(reply) << text;
    EXPECT_THAT(reply.error().message, HasSubstr(text));
  };
  ChatRequest request = question();
  request.tokens_in_text = text::TokensInText::kAll;
  expect(request, "--trust-special-tokens");
  request = question();
  request.detect_repetition = true;
  expect(request, "--detect-repetition");
  request = {};
  expect(request, "at least one message");
  request.raw_prompt = RawPrompt{.text = "x"};
  expect(request, "raw prompt");
  request = question();
  request.messages[0].content.push_back(
      {.kind = text::PartKind::kVideo, .source = "http://host/v.mp4", .begin_s = 2});
  expect(request, "messages[0].content[1]: \"start\"");
}

class ChatClientMedia : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("glmv_client_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    media::Image image{4, 2, {}};
    image.data.resize(24, 7);
    ASSERT_TRUE(media::write_png(folder_ / "a.png", image));
    png_ = folder_ / "a.png";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // The parts that a server of that kind gets of these.
  Json sent(std::vector<text::ContentPart> parts, const std::string& owner = "glmv") {
    FakeServer fake(stream(delta({{"content", "[[0,0,500,500]]"}}) + ending()), owner);
    ChatRequest request = question();
    request.messages[0].content = std::move(parts);
    reply_ = fake.client()->chat(request, {});
    return reply_ ? fake.body()["messages"][0]["content"] : Json();
  }

  std::filesystem::path folder_;
  std::string png_;
  Result<ChatReply> reply_;
};

constexpr char kPngStart[] = "data:image/png;base64,iVBORw0KGgo";

TEST_F(ChatClientMedia, PicturesAreInside) {
  const Json parts = sent({{.kind = text::PartKind::kImage, .source = png_, .max_pixels = 784},
                           {.kind = text::PartKind::kImage,
                            .source = "http://host/a.png",
                            .detail = text::Detail::kLow},
                           {.kind = text::PartKind::kImage, .source = "file://" + png_},
                           {.kind = text::PartKind::kText, .text = "What?"}});
  ASSERT_TRUE(reply_) << reply_.error().message;
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_THAT(parts[0]["image_url"]["url"].get<std::string>(), testing::StartsWith(kPngStart));
  EXPECT_EQ(parts[0]["max_pixels"], 784);
  EXPECT_EQ(parts[1]["image_url"]["url"], "http://host/a.png");
  EXPECT_EQ(parts[1]["image_url"]["detail"], "low");
  EXPECT_THAT(parts[2]["image_url"]["url"].get<std::string>(), testing::StartsWith(kPngStart));
  EXPECT_EQ(parts[3], Json::parse(R"({"type": "text", "text": "What?"})"));
  // Boxes are those of the last picture.
  EXPECT_EQ(reply_->image_sizes, (std::vector<std::vector<int64_t>>{{4, 2}, {0, 0}, {4, 2}}));
  ASSERT_EQ(reply_->boxes.size(), 1u);
  EXPECT_EQ(reply_->boxes[0].px2, 2);
  EXPECT_EQ(reply_->boxes[0].image, 2);
}

TEST_F(ChatClientMedia, PixelsAndFrames) {
  const auto bytes = std::make_shared<std::vector<uint8_t>>(12, 9);
  const RgbPixels pixels{2, 2, std::shared_ptr<const uint8_t>(bytes, bytes->data())};
  Json parts = sent({{.kind = text::PartKind::kImage, .pixels = {pixels}},
                     {.kind = text::PartKind::kVideo,
                      .frames = {png_, png_},
                      .frame_times_s = {0, 1.5},
                      .max_frames = 1}});
  ASSERT_TRUE(reply_) << reply_.error().message;
  EXPECT_THAT(parts[0]["image_url"]["url"].get<std::string>(), testing::StartsWith(kPngStart));
  EXPECT_EQ(parts[1]["frames"].size(), 2u);
  EXPECT_EQ(parts[1]["frame_times_s"], (Json{0.0, 1.5}));
  EXPECT_EQ(parts[1]["max_frames"], 1);

  parts = sent({{.kind = text::PartKind::kVideo, .fps = 2, .pixels = {pixels, pixels}}}, "vllm");
  ASSERT_TRUE(reply_) << reply_.error().message;
  const auto url = parts[0]["video_url"]["url"].get<std::string>();
  EXPECT_THAT(url, testing::StartsWith("data:video/jpeg;fps=2;base64,iVBORw0KGgo"));
  EXPECT_EQ(std::ranges::count(url, ','), 2);
  sent({{.kind = text::PartKind::kVideo, .frames = {png_}, .frame_times_s = {1}}}, "vllm");
  ASSERT_FALSE(reply_);
  EXPECT_THAT(reply_.error().message, HasSubstr("frame_times_s"));
}

TEST_F(ChatClientMedia, VideoFiles) {
  const std::string video = folder_ / "v.mp4";
  std::FILE* file = std::fopen(video.c_str(), "wb");
  const std::string bytes(
      "\0\0\0\x18"
      "ftypisom....",
      16);
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  Json parts = sent({{.kind = text::PartKind::kVideo,
                      .source = video,
                      .fps = 2,
                      .begin_s = 1,
                      .end_s = 3,
                      .max_frames = 8}});
  ASSERT_TRUE(reply_) << reply_.error().message;
  EXPECT_EQ(parts[0]["video_url"]["url"], "data:video/mp4;base64," + media::encode_base64(bytes));
  EXPECT_EQ(parts[0]["start"], 1.0);
  EXPECT_EQ(parts[0]["end"], 3.0);
  EXPECT_EQ(parts[0]["fps"], 2.0);
  EXPECT_EQ(parts[0]["max_frames"], 8);
  parts = sent({{.kind = text::PartKind::kVideo, .source = video}}, "vllm");
  EXPECT_TRUE(reply_) << reply_.error().message;
}

TEST_F(ChatClientMedia, BadMediaAreToldBeforeAnythingIsSent) {
  const auto expect = [&](text::ContentPart part, const char* text) {
    sent({std::move(part)});
    ASSERT_FALSE(reply_) << text;
    EXPECT_THAT(reply_.error().message, HasSubstr("messages[0].content[0]"));
    EXPECT_THAT(reply_.error().message, HasSubstr(text));
  };
  expect({.kind = text::PartKind::kImage, .source = folder_ / "none.png"}, "none.png");
  std::fclose(std::fopen((folder_ / "empty.png").c_str(), "wb"));
  expect({.kind = text::PartKind::kImage, .source = folder_ / "empty.png"}, "empty.png");
  expect({.kind = text::PartKind::kImage, .source = "data:image/png;base64,AAAA"}, "data: URL");
  expect({.kind = text::PartKind::kVideo, .source = folder_ / "none.mp4"}, "none.mp4");
  expect({.kind = text::PartKind::kVideo, .frames = {folder_ / "none.png"}}, "frames[0]");
}

}  // namespace
}  // namespace glmv::api
