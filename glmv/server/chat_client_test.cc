// The chat client against this server, over a real socket.

#include "glmv/api/chat_client.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "glmv/media/png_writer.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using namespace std::chrono_literals;
using api::ChatChunk;
using api::ScriptedReply;
using testing::HasSubstr;

std::unique_ptr<api::ChatBackend> client_of(Fixture& server, api::ChatClientOptions options = {}) {
  options.base_url = "http://127.0.0.1:" + std::to_string(server.port());
  auto client = api::make_chat_client(options);
  EXPECT_TRUE(client) << client.error().message;
  return client ? std::move(*client) : nullptr;
}

api::ChatRequest hello() {
  api::ChatRequest request;
  request.messages.push_back(text::Message::user("hi"));
  return request;
}

TEST(ChatClient, KnowsThisServer) {
  api::ScriptedBackend backend({});
  Fixture server(backend);
  const auto model = api::ask_server_model(
      {.base_url = "http://localhost:" + std::to_string(server.port()) + "/v1/"});
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->name, "nano");
  EXPECT_EQ(model->kind, api::ServerKind::kGlmv);
  EXPECT_EQ(model->max_context_tokens, 4096);
  EXPECT_EQ(model->video_processor["video_processor_type"], "Glm4vVideoProcessor");
}

// A request is the same one behind the wire.
TEST(ChatClient, TheRequestArrives) {
  api::ScriptedBackend backend({ScriptedReply::text({"ok"})});
  Fixture server(backend);
  api::ChatRequest request = hello();
  request.messages.insert(request.messages.begin(), text::Message::system("S"));
  text::Message assistant = text::Message::assistant("a");
  assistant.reasoning_content = "why";
  request.messages.push_back(assistant);
  request.messages.push_back(text::Message::user("more"));
  request.temperature = 0.25;
  request.top_p = 0.5;
  request.top_k = 3;
  request.min_p = 0.125;
  request.repetition_penalty = 1.5;
  request.presence_penalty = 0.5;
  request.frequency_penalty = -0.5;
  request.logit_bias = {{7, 2.0}};
  request.seed = 42;
  request.max_tokens = 99;
  request.min_tokens = 2;
  request.stop = {"END"};
  request.stop_token_ids = {66};
  request.ignore_eos = true;
  request.include_stop_string = true;
  request.logprobs = true;
  request.top_logprobs = 3;
  request.thinking = api::Thinking::kOff;
  request.thinking_budget = 50;
  request.detect_repetition = true;
  request.drop_restated = true;
  request.max_pixels = 1568;
  request.priority = -2;
  request.cache_salt = "salt";
  request.constraint = api::Constraint{api::ConstraintKind::kRegex, "a+", "x"};
  request.tools = Json::parse(R"([{"type": "function", "function": {"name": "f"}}])");
  request.tool_choice = api::ToolChoice::kNone;
  request.parallel_tool_calls = false;
  const auto reply = client_of(server)->chat(request, {});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->content, "ok");

  const api::ChatRequest got = backend.requests().at(0);
  ASSERT_EQ(got.messages.size(), 4u);
  EXPECT_EQ(got.messages[0].text(), "S");
  EXPECT_EQ(got.messages[2].reasoning_content, "why");
  EXPECT_EQ(got.temperature, 0.25);
  EXPECT_EQ(got.top_p, 0.5);
  EXPECT_EQ(got.top_k, 3);
  EXPECT_EQ(got.min_p, 0.125);
  EXPECT_EQ(got.repetition_penalty, 1.5);
  EXPECT_EQ(got.presence_penalty, 0.5);
  EXPECT_EQ(got.frequency_penalty, -0.5);
  EXPECT_EQ(got.logit_bias, request.logit_bias);
  EXPECT_EQ(got.seed, 42u);
  EXPECT_EQ(got.max_tokens, 99);
  EXPECT_EQ(got.min_tokens, 2);
  EXPECT_EQ(got.stop, request.stop);
  EXPECT_EQ(got.stop_token_ids, request.stop_token_ids);
  EXPECT_TRUE(got.ignore_eos && got.include_stop_string && got.logprobs);
  EXPECT_EQ(got.top_logprobs, 3);
  EXPECT_EQ(got.thinking, api::Thinking::kOff);
  EXPECT_EQ(got.thinking_budget, 50);
  EXPECT_TRUE(got.detect_repetition && got.drop_restated);
  EXPECT_EQ(got.max_pixels, 1568);
  EXPECT_EQ(got.priority, -2);
  EXPECT_EQ(got.cache_salt, "salt");
  ASSERT_TRUE(got.constraint);
  EXPECT_EQ(got.constraint->text, "a+");
  EXPECT_EQ(got.tool_choice, api::ToolChoice::kNone);
  EXPECT_FALSE(got.parallel_tool_calls);
}

TEST(ChatClient, TheReplyArrives) {
  ScriptedReply script;
  script.pieces = {ChatChunk{.progress_phase = "vision",
                             .progress_done = 1,
                             .progress_total = 2,
                             .progress_cached = 1,
                             .progress_ms = 12.4},
                   ChatChunk{.reasoning = "th"},
                   ChatChunk{.reasoning = "ink"},
                   ChatChunk{.content = "It is <|begin_of"},
                   ChatChunk{.content = "_box|>[[0,0,500,1000]]<|end_of_box|>"},
                   ChatChunk{.logprobs = {{"\xE4", 5, -0.5F, {{"a", 6, -1.5F, {}}}}}}};
  script.reply.usage = {.prompt_tokens = 9,
                        .image_tokens = 4,
                        .completion_tokens = 7,
                        .reasoning_tokens = 2,
                        .cached_tokens = 1};
  script.reply.timings = {.queue_ms = 1, .vision_ms = 2, .prefill_ms = 3, .decode_ms = 4};
  script.reply.prompt_ids = {1, 2};
  script.reply.output_ids = {3, 4, 5};
  script.reply.finish_reason = "repetition";
  script.reply.restated = true;
  script.reply.reasoning_reclassified = true;
  script.reply.grammar_dead_end = true;
  api::ScriptedBackend backend({script});
  Fixture server(backend);
  std::string content;
  ChatChunk progress;
  const auto reply = client_of(server)->chat(hello(), [&](const ChatChunk& chunk) {
    content += chunk.content;
    if (!chunk.progress_phase.empty()) progress = chunk;
    return true;
  });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->reasoning, "think");
  EXPECT_EQ(reply->content, "It is [[0,0,500,1000]]");
  EXPECT_EQ(content, reply->content);
  EXPECT_EQ(progress.progress_phase, "vision");
  EXPECT_EQ(progress.progress_cached, 1);
  EXPECT_EQ(progress.progress_ms, 12);
  EXPECT_EQ(reply->boxed, std::vector<std::string>{"[[0,0,500,1000]]"});
  EXPECT_EQ(reply->boxes.size(), 1u);
  EXPECT_EQ(reply->finish_reason, "repetition");
  EXPECT_TRUE(reply->restated && reply->reasoning_reclassified && reply->grammar_dead_end);
  EXPECT_EQ(reply->usage.prompt_tokens, 9);
  EXPECT_EQ(reply->usage.image_tokens, 4);
  EXPECT_EQ(reply->usage.completion_tokens, 7);
  EXPECT_EQ(reply->usage.reasoning_tokens, 2);
  EXPECT_EQ(reply->usage.cached_tokens, 1);
  EXPECT_EQ(reply->timings.prefill_ms, 3);
  EXPECT_EQ(reply->timings.decode_ms, 4);
  EXPECT_EQ(reply->prompt_ids, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(reply->output_ids, (std::vector<int32_t>{3, 4, 5}));
  ASSERT_EQ(reply->logprobs.size(), 1u);
  EXPECT_EQ(reply->logprobs[0].token, "\xE4");
  EXPECT_FLOAT_EQ(reply->logprobs[0].top[0].logprob, -1.5F);
}

TEST(ChatClient, PicturesArrive) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("glmv_remote_" + std::to_string(::getpid()) + ".png");
  media::Image image{6, 4, {}};
  image.data.resize(72, 9);
  ASSERT_TRUE(media::write_png(path, image));
  api::ScriptedBackend backend({ScriptedReply::text({"ok"})});
  Fixture server(backend);
  api::ChatRequest request = hello();
  std::vector<text::ContentPart>& content = request.messages[0].content;
  content = {{.kind = text::PartKind::kImage, .source = path, .max_pixels = 784},
             {.kind = text::PartKind::kVideo, .frames = {path, path}, .frame_times_s = {0, 2}},
             {.kind = text::PartKind::kText, .text = "?"}};
  const auto reply = client_of(server)->chat(request, {});
  std::filesystem::remove(path);
  ASSERT_TRUE(reply) << reply.error().message;
  const std::vector<text::ContentPart> got = backend.requests().at(0).messages[0].content;
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].pixels.at(0).width, 6);
  EXPECT_EQ(got[0].max_pixels, 784);
  EXPECT_EQ(got[1].pixels.size(), 2u);
  EXPECT_EQ(got[1].frame_times_s, (std::vector<double>{0, 2}));
  EXPECT_EQ(reply->image_sizes, (std::vector<std::vector<int64_t>>{{6, 4}}));
}

TEST(ChatClient, ErrorsArrive) {
  api::ScriptedBackend backend(
      {ScriptedReply::failure({Code::kInvalidArgument, "messages: far too long"})});
  Fixture server(backend, {.model = "nano", .api_keys = {"KEY"}});
  const auto nobody =
      api::make_chat_client({.base_url = "http://127.0.0.1:" + std::to_string(server.port())});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::kInvalidArgument);
  EXPECT_THAT(nobody.error().message, HasSubstr("401"));
  const auto client = client_of(server, {.api_key = "KEY"});
  const auto reply = client->chat(hello(), {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kInvalidArgument);
  EXPECT_THAT(reply.error().message, HasSubstr("far too long"));
  const auto other = client_of(server, {.model = "other", .api_key = "KEY"})->chat(hello(), {});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kNotFound);
}

// An error behind pieces that were shown.
TEST(ChatClient, ErrorsInTheMiddle) {
  ScriptedReply script = ScriptedReply::text({"so ", "far"});
  script.error = Status{Code::kInternal, "the engine died"};
  api::ScriptedBackend backend({script});
  Fixture server(backend);
  std::string shown;
  const auto reply = client_of(server)->chat(hello(), [&](const ChatChunk& chunk) {
    shown += chunk.content;
    return true;
  });
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::kUnavailable);
  EXPECT_EQ(shown, "so far");
}

TEST(ChatClient, CancelEndsTheWorkThere) {
  EndlessBackend backend;
  Fixture server(backend);
  const auto start = std::chrono::steady_clock::now();
  int num_pieces = 0;
  const auto reply = client_of(server)->chat(hello(), [&](const ChatChunk& chunk) {
    num_pieces += chunk.content.empty() ? 0 : 1;
    return num_pieces < 3;
  });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->finish_reason, "cancelled");
  EXPECT_TRUE(backend.ended.try_acquire_for(2s));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
}

// Thinks until it is told to answer.
class ThinkingBackend : public api::ChatBackend {
 public:
  Result<api::ChatReply> chat(const api::ChatRequest& request,
                              const api::OnChunk& on_chunk) override {
    while (!*request.end_thinking && on_chunk({.reasoning = "x"})) std::this_thread::sleep_for(5ms);
    on_chunk({.content = "answer"});
    api::ChatReply reply;
    reply.finish_reason = "stop";
    return reply;
  }
};

TEST(ChatClient, AThoughtIsEnded) {
  ThinkingBackend backend;
  Fixture server(backend);
  api::ChatRequest request = hello();
  request.end_thinking = std::make_shared<std::atomic<bool>>(false);
  int num_pieces = 0;
  const auto reply = client_of(server)->chat(request, [&](const ChatChunk& chunk) {
    if (!chunk.reasoning.empty() && ++num_pieces == 5) *request.end_thinking = true;
    return true;
  });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->content, "answer");
}

}  // namespace
}  // namespace glmv::server
