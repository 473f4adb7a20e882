#include "glmv/server/batch.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>

#include "glmv/base/files.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;
using namespace std::chrono_literals;

class BatchTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("glmv_batch_{}", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path in() const { return folder_ / "in.jsonl"; }
  std::filesystem::path out() const { return folder_ / "out.jsonl"; }
  void write(const std::filesystem::path& path, const std::string& text) {
    ASSERT_TRUE(write_file_atomic(path, text));
  }
  static std::string line(const std::string& id, const Json& body = question(),
                          const std::string& url = "/v1/chat/completions") {
    return Json{{"custom_id", id}, {"method", "POST"}, {"url", url}, {"body", body}}.dump() + "\n";
  }
  // The answers by their ids, those without one under "line N".
  std::map<std::string, Json> answers() const {
    std::map<std::string, Json> all;
    const std::string text = read_file(out()).value_or("");
    EXPECT_TRUE(text.empty() || text.ends_with('\n'));
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = text.find('\n', begin);
      const Json json = Json::parse(text.substr(begin, end - begin));
      const bool bad_line = json["error"].is_object();
      const std::string name = bad_line ? fmt::format("line {}", json["error"]["line"].get<int>())
                                        : json["custom_id"].get<std::string>();
      EXPECT_TRUE(all.emplace(name, json).second) << name << " was answered twice";
      begin = end + 1;
    }
    return all;
  }
  Result<BatchProgress> run(api::ChatBackend& backend, int concurrency = 2,
                            std::function<bool(const BatchProgress&)> wanted = {}) {
    FakeService service;
    Server server({.model = "nano", .max_requests = concurrency}, {}, backend, service);
    GLMV_ASSIGN(const auto batch, Batch::open(in(), out()));
    return batch->run(
        server, concurrency, wanted ? wanted : [](const BatchProgress&) { return true; });
  }

  std::filesystem::path folder_;
};

// As many answers as are asked for.
class EchoBackend : public api::ChatBackend {
 public:
  Result<api::ChatReply> chat(const api::ChatRequest& request,
                              const api::OnChunk& on_chunk) override {
    const int now = ++num_running;
    most = std::max(most.load(), now);
    api::ChatReply reply;
    reply.content = request.messages[0].text();
    reply.finish_reason = "stop";
    reply.usage = {.prompt_tokens = 3, .completion_tokens = 2};
    for (int ms = 0; ms < wait_ms && on_chunk({}); ms += 5) std::this_thread::sleep_for(5ms);
    if (wait_ms > 0 && !on_chunk({})) reply.finish_reason = "cancelled";
    --num_running;
    ++num_chats;
    return reply;
  }
  std::atomic<int> num_running = 0, most = 0, num_chats = 0, wait_ms = 0;
};

Json saying(const std::string& text) {
  return question({{"messages", {{{"role", "user"}, {"content", text}}}}});
}

TEST_F(BatchTest, AnswersEveryLine) {
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += line(fmt::format("id-{}", i), saying(fmt::format("text {}", i)));
  text += "\n  \n";  // no requests
  text += line("tokens", {{"prompt", "hello"}}, "/tokenize");
  text += line("wrong field", question({{"temperature", 9}}));
  text += line("no route", question(), "/v1/nothing");
  write(in(), text);
  EchoBackend backend;
  backend.wait_ms = 20;
  const auto done = run(backend, 4);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->num_lines, 23);
  EXPECT_EQ(done->num_answered, 21);
  EXPECT_EQ(done->num_failed, 2);
  EXPECT_EQ(done->num_left(), 0);
  EXPECT_EQ(done->prompt_tokens, 60);
  EXPECT_EQ(done->completion_tokens, 40);
  EXPECT_GT(backend.most, 1);
  EXPECT_LE(backend.most, 4);
  auto all = answers();
  ASSERT_EQ(all.size(), 23u);
  for (int i = 0; i < 20; ++i) {
    const Json& answer = all[fmt::format("id-{}", i)];
    EXPECT_EQ(answer["response"]["status_code"], 200);
    EXPECT_EQ(answer["response"]["body"]["choices"][0]["message"]["content"],
              fmt::format("text {}", i));
    EXPECT_TRUE(answer["error"].is_null());
    EXPECT_EQ(answer["id"], "batch_req_" + answer["response"]["request_id"].get<std::string>());
  }
  EXPECT_EQ(all["tokens"]["response"]["body"]["count"], 1);
  EXPECT_EQ(all["wrong field"]["response"]["status_code"], 400);
  EXPECT_EQ(all["wrong field"]["response"]["body"]["error"]["param"], "temperature");
  EXPECT_EQ(all["no route"]["response"]["status_code"], 404);
}

TEST_F(BatchTest, BadLinesDoNotStopIt) {
  const std::string bad[] = {
      "rubbish",
      "[]",
      "{}",
      R"({"custom_id": 5, "method": "POST", "url": "/x", "body": {}})",
      R"({"custom_id": "", "method": "POST", "url": "/x", "body": {}})",
      R"({"custom_id": "a", "method": "GET", "url": "/health", "body": {}})",
      R"({"custom_id": "a", "method": "POST", "url": "http://x/", "body": {}})",
      R"({"custom_id": "a", "method": "POST", "url": "/x", "body": []})",
      R"({"custom_id": "a", "method": "POST", "url": "/x", "body": {"stream": true}})",
      "{\"a\": \"\xff\"}"};
  std::string text = line("fine");
  for (const std::string& each : bad) text += each + "\n";
  text += line("fine") + line("last");
  write(in(), text.substr(0, text.size() - 1));  // without the last line's end
  EchoBackend backend;
  const auto done = run(backend);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->num_answered, 2);
  EXPECT_EQ(done->num_bad_lines, std::ssize(bad) + 1);
  auto all = answers();
  EXPECT_EQ(all.size(), std::size(bad) + 3);
  EXPECT_EQ(all["line 2"]["error"]["code"], "invalid_json");
  EXPECT_TRUE(all["line 2"]["custom_id"].is_null());
  EXPECT_TRUE(all["line 2"]["response"].is_null());
  EXPECT_EQ(all["line 7"]["custom_id"], "a");
  EXPECT_EQ(all[fmt::format("line {}", std::size(bad) + 2)]["error"]["code"],
            "duplicate_custom_id");
  // Again: nothing is left, nothing is written twice.
  const std::string before = *read_file(out());
  backend.num_chats = 0;
  const auto again = run(backend);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->num_done(), 0);
  EXPECT_EQ(again->num_left(), 0);
  EXPECT_EQ(backend.num_chats, 0);
  EXPECT_EQ(*read_file(out()), before);
}

TEST_F(BatchTest, GoesOnWhereItWasStopped) {
  std::string text;
  for (int i = 0; i < 12; ++i) text += line(fmt::format("id-{}", i));
  write(in(), text);
  EchoBackend backend;
  backend.wait_ms = 150;
  const auto first = run(backend, 3, [](const BatchProgress& p) { return p.num_done() < 3; });
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->stopped);
  const size_t num_before = answers().size();
  EXPECT_GE(num_before, 3u);
  EXPECT_LT(num_before, 12u);
  // As after a kill in the middle of a write.
  write(out(), *read_file(out()) + R"({"id": "batch_req_x", "custom_id": "id-11", "resp)");
  backend.wait_ms = 0;
  backend.num_chats = 0;
  const auto second = run(backend, 3);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->num_skipped, static_cast<int64_t>(num_before));
  EXPECT_EQ(backend.num_chats, 12 - static_cast<int>(num_before));
  EXPECT_EQ(answers().size(), 12u);
}

TEST_F(BatchTest, FilesThatCannotBeUsedAreNamed) {
  EchoBackend backend;
  EXPECT_EQ(run(backend).error().code, Code::kNotFound);
  write(in(), line("a"));
  EXPECT_EQ(Batch::open(in(), in()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Batch::open(folder_, out()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Batch::open(in(), folder_).error().code, Code::kInvalidArgument);
  const auto first = Batch::open(in(), out());
  ASSERT_TRUE(first);
  EXPECT_EQ(Batch::open(in(), out()).error().code, Code::kUnavailable);
  EXPECT_EQ(Batch::open(in(), folder_ / "no/folder").error().code, Code::kInvalidArgument);
}

TEST_F(BatchTest, AFullDiskEndsIt) {
  write(in(), line("a") + line("b") + line("c"));
  struct rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small{1500, before.rlim_max};  // one answer
  ::setrlimit(RLIMIT_FSIZE, &small);
  EchoBackend backend;
  const auto done = run(backend, 1);
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kResourceExhausted);
  EXPECT_NE(done.error().message.find("out.jsonl"), std::string::npos) << done.error().message;
  // With room again it goes on, over what was torn.
  const auto again = run(backend);
  ASSERT_TRUE(again);
  EXPECT_GT(again->num_skipped, 0);
  EXPECT_EQ(answers().size(), 3u);
}

TEST_F(BatchTest, OnlyPlainFiles) {
  write(in(), line("a"));
  std::filesystem::create_symlink("/dev/full", out());
  EXPECT_EQ(Batch::open(in(), out()).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Batch::open("/dev/zero", folder_ / "x").error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace glmv::server
