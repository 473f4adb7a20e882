// What an operator relies on: the log, health, limits of time, metrics that a scraper reads.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "glmv/base/files.h"
#include "glmv/server/server_for_test.h"

namespace glmv::server {
namespace {

using api::ScriptedReply;
using namespace std::chrono_literals;

class Log : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("glmv_log_{}", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name = "access.log") const { return (folder_ / name).string(); }
  std::shared_ptr<AccessLog> open(const std::string& path) {
    auto log =
        AccessLog::open(path, [this](const std::string& text) { warnings_.push_back(text); });
    EXPECT_TRUE(log);
    return *log;
  }
  // The lines, once there are so many.
  std::vector<Json> lines(size_t num, const char* name = "access.log") const {
    std::vector<Json> out;
    for (int i = 0; i < 200; ++i, std::this_thread::sleep_for(10ms)) {
      out.clear();
      const auto text = read_file(path(name));
      for (size_t begin = 0; text && begin < text->size();) {
        const size_t end = text->find('\n', begin);
        if (end == text->npos) break;
        out.push_back(Json::parse(text->substr(begin, end - begin)));
        begin = end + 1;
      }
      if (out.size() >= num) break;
    }
    EXPECT_EQ(out.size(), num);
    return out;
  }
  std::filesystem::path folder_;
  std::vector<std::string> warnings_;
};

TEST_F(Log, SaysWhoAskedForWhatAndNotWhatWasSaid) {
  ScriptedReply script = ScriptedReply::text({"private answer"});
  script.reply.usage = {.prompt_tokens = 30, .completion_tokens = 7};
  script.reply.timings.time_to_first_token_ms = 12;
  api::ScriptedBackend backend({script, script, script, script});
  Fixture server(backend, {.model = "nano", .api_keys = {"ci secret"}, .access_log = open(path())});
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const std::string key = "Authorization: Bearer secret\r\n";
  const Json body = question({{"messages", {{{"role", "user"}, {"content", "private question"}}}}});
  // One after the other: a line is written after its answer.
  server.ask("POST", "/v1/chat/completions?q=private", body.dump(),
             key + "traceparent: " + trace + "\r\nUser-Agent: curl/8\r\nx-request-id: me\r\n");
  lines(1);
  Json several = body;
  several.update({{"n", 2}, {"stream", true}});
  const auto stream =
      server.ask("POST", "/v1/chat/completions", several.dump(), key + "traceparent: rubbish\r\n");
  lines(2);
  server.ask("GET", "/v1/models", "", "x-api-key: wrong\r\n");
  lines(3);
  server.ask("GET", "/health");
  const std::vector<Json> log = lines(4);
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log[0]["request_id"], "me");
  EXPECT_EQ(log[0]["method"], "POST");
  EXPECT_EQ(log[0]["path"], "/v1/chat/completions");
  EXPECT_EQ(log[0]["status"], 200);
  EXPECT_EQ(log[0]["prompt_tokens"], 30);
  EXPECT_EQ(log[0]["completion_tokens"], 7);
  EXPECT_EQ(log[0]["ttft_ms"], 12.0);
  EXPECT_EQ(log[0]["key"], "ci");
  EXPECT_EQ(log[0]["peer"], "127.0.0.1");
  EXPECT_EQ(log[0]["user_agent"], "curl/8");
  EXPECT_EQ(log[0]["traceparent"], trace);
  EXPECT_TRUE(log[0]["ts"].get<std::string>().ends_with("Z"));
  EXPECT_GE(log[0]["ms"].get<double>(), 0);
  EXPECT_EQ(log[1]["completion_tokens"], 14);
  EXPECT_EQ(log[1]["bytes"], stream.body.size());
  EXPECT_NE(log[1]["traceparent"], "rubbish");
  EXPECT_EQ(trace_context(log[1]["traceparent"].get<std::string>()), log[1]["traceparent"]);
  EXPECT_FALSE(log[1].contains("error"));
  EXPECT_EQ(log[2]["status"], 401);
  EXPECT_EQ(log[2]["error"], "invalid_api_key");
  EXPECT_FALSE(log[2].contains("key"));
  EXPECT_FALSE(log[2].contains("prompt_tokens"));
  EXPECT_EQ(log[3]["status"], 200);
  const std::string text = *read_file(path());
  for (const char* never : {"private", "secret", "wrong"})
    EXPECT_EQ(text.find(never), text.npos) << never;
}

TEST_F(Log, TraceContexts) {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(trace_context(good), good);
  std::set<std::string> fresh;
  for (const std::string& bad :
       {std::string(), good + "x", "01" + good.substr(2), "ff" + good.substr(2),
        std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
        std::string(55, '-')}) {
    const std::string made = trace_context(bad);
    EXPECT_NE(made, bad);
    EXPECT_EQ(trace_context(made), made);
    fresh.insert(made);
  }
  EXPECT_EQ(fresh.size(), 8u);
}

TEST_F(Log, FollowsARotation) {
  const auto log = open(path());
  AccessRecord record;
  record.request_id = "first";
  log->write(record);
  lines(1);
  std::filesystem::rename(path(), path("access.log.1"));
  log->reopen();
  std::this_thread::sleep_for(500ms);
  AccessRecord second;
  second.request_id = "second";
  log->write(second);
  EXPECT_EQ(lines(1)[0]["request_id"], "second");
  EXPECT_EQ(lines(1, "access.log.1")[0]["request_id"], "first");
  EXPECT_FALSE(AccessLog::open(path("no/such/folder"), {}));
}

TEST_F(Log, AFullDiskCostsLinesOnly) {
  const auto log = open("/dev/full");
  api::ScriptedBackend backend({});
  Fixture server(backend, {.model = "nano", .access_log = log});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(server.ask("GET", "/health").status, 200);
  for (int i = 0; i < 200 && log->num_dropped() < 5; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(log->num_dropped(), 5);
  EXPECT_EQ(warnings_.size(), 1u);
  EXPECT_NE(server.ask("GET", "/metrics")
                .body.find("glmv:access_log_dropped_total{model_name=\"nano\"} "),
            std::string::npos);
}

TEST_F(Log, AReaderThatDoesNotReadHoldsNobodyUp) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const int reader = ::open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const auto start = std::chrono::steady_clock::now();
  {
    const auto log = open(path("pipe"));
    AccessRecord record;
    record.path = std::string(200, 'x');
    for (int i = 0; i < 40'000; ++i) log->write(record);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    EXPECT_GT(log->num_dropped(), 0);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
  ::close(reader);
}

TEST(Health, FollowsTheEngine) {
  api::ScriptedBackend backend({});
  Fixture server(backend, {.model = "nano", .api_keys = {"secret"}, .watchdog_timeout_s = 300});
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  server.service().state.step_seconds = 299;
  EXPECT_EQ(server.ask("GET", "/health").status, 200);
  server.service().state.step_seconds = 301;
  const auto hung = server.ask("GET", "/health");
  EXPECT_EQ(hung.status, 503);
  EXPECT_EQ(Json::parse(hung.body)["error"]["code"], "engine_dead");
  EXPECT_EQ(server.ask("GET", "/ready").status, 503);
  server.service().state.step_seconds = 0;
  EXPECT_EQ(server.ask("GET", "/ready").status, 200);
  server.service().state.engine_alive = false;
  EXPECT_EQ(server.ask("GET", "/health").status, 503);
  EXPECT_EQ(server.ask("GET", "/ready").status, 503);
}

TEST(Health, MakesAToken) {
  ScriptedReply one = ScriptedReply::text({"x"});
  one.reply.usage.completion_tokens = 1;
  api::ScriptedBackend backend({one, ScriptedReply::failure({Code::kInternal, "NaN"})});
  Fixture server(backend, {.model = "nano", .api_keys = {"key"}, .max_requests = 1});
  EXPECT_EQ(server.ask("GET", "/health_generate").status, 401);
  const std::string key = "Authorization: Bearer key\r\n";
  const auto well = server.ask("GET", "/health_generate", {}, key);
  EXPECT_EQ(well.status, 200);
  EXPECT_EQ(Json::parse(well.body)["completion_tokens"], 1);
  const auto asked = backend.requests().at(0);
  EXPECT_EQ(asked.max_tokens, 1);
  EXPECT_LT(asked.priority, 0);
  EXPECT_EQ(server.ask("GET", "/health_generate", {}, key).status, 500);
}

// Nothing comes, but it asks whether it is still wanted.
class SilentBackend : public api::ChatBackend {
 public:
  Result<api::ChatReply> chat(const api::ChatRequest&, const api::OnChunk& on_chunk) override {
    while (on_chunk({})) std::this_thread::sleep_for(5ms);
    api::ChatReply reply;
    reply.finish_reason = "cancelled";
    return reply;
  }
};

TEST(RequestTimeout, EndsWhatTakesTooLong) {
  SilentBackend silent;
  Fixture server(silent, {.model = "nano", .request_timeout_s = 0.2});
  for (const bool stream : {false, true}) {  // nothing was sent yet: a status
    const auto answer = server.chat(question({{"stream", stream}, {"n", 2}}));
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.headers.at("x-should-retry"), "false");
    EXPECT_FALSE(answer.headers.contains("retry-after"));
    EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "timeout");
  }
  EndlessBackend endless;
  Fixture running(endless, {.model = "nano", .request_timeout_s = 0.2});
  const auto answer = running.chat(question({{"stream", true}}));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete);
  EXPECT_NE(answer.body.find("\"code\":\"timeout\""), std::string::npos);
  EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n"));
  // The client sees the end before the server has put the request away.
  for (int i = 0; i < 200 && running.server().num_requests() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(running.server().num_requests(), 0);
}

// The text as Prometheus reads it: families announced once, samples with names, labels and numbers.
struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

bool is_name(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == ':'; };
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text[0])) &&
         std::ranges::all_of(text, fits);
}

std::vector<Sample> parse_exposition(const std::string& text) {
  std::vector<Sample> samples;
  std::set<std::string> announced;
  std::string family;
  EXPECT_TRUE(text.ends_with('\n'));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(announced.insert(family).second) << "announced twice: " << line;
      const std::string type = line.substr(8 + family.size());
      EXPECT_TRUE(type == "counter" || type == "gauge" || type == "histogram") << line;
      EXPECT_EQ(type == "counter", family.ends_with("_total")) << line;
      continue;
    }
    Sample sample;
    size_t at = line.find_first_of("{ ");
    EXPECT_NE(at, line.npos) << line;
    sample.name = line.substr(0, at);
    EXPECT_TRUE(is_name(sample.name)) << line;
    EXPECT_TRUE(sample.name.starts_with(family)) << line << " in " << family;
    if (line[at] == '{') {
      while (line[at] != '}') {
        const size_t equals = line.find("=\"", ++at);
        const size_t close = line.find('"', equals + 2);
        EXPECT_TRUE(is_name(line.substr(at, equals - at))) << line;
        sample.labels[line.substr(at, equals - at)] = line.substr(equals + 2, close - equals - 2);
        at = close + 1;
        EXPECT_TRUE(line[at] == ',' || line[at] == '}') << line;
      }
      ++at;
    }
    size_t used = 0;
    sample.value = std::stod(line.substr(at + 1), &used);
    EXPECT_EQ(at + 1 + used, line.size()) << line;
    samples.push_back(std::move(sample));
  }
  return samples;
}

TEST(MetricsText, IsWhatAScraperReads) {
  ScriptedReply forced = ScriptedReply::text({"x"});
  forced.reply.usage = {.completion_tokens = 10, .forced_tokens = 2};
  forced.reply.timings = {.queue_ms = 2000, .vision_ms = 500, .prefill_ms = 1000, .decode_ms = 900};
  ScriptedReply loop = ScriptedReply::text({"x"});
  loop.reply.finish_reason = "repetition";
  api::ScriptedBackend backend({forced, loop});
  Fixture server(backend);
  server.service().state.num_steps = 17;
  server.service().state.num_preempted = 3;
  server.chat(question());
  server.chat(question());
  const Json image = {{"type", "image_url"}, {"image_url", {{"url", "file:///etc/passwd"}}}};
  server.chat(question({{"messages", {{{"role", "user"}, {"content", {image}}}}}}));
  server.server().start_draining();
  server.chat(question());
  const std::vector<Sample> samples = parse_exposition(server.ask("GET", "/metrics").body);
  const auto value = [&](const std::string& name,
                         const std::map<std::string, std::string>& labels = {}) {
    for (const Sample& sample : samples) {
      bool all = sample.name == "glmv:" + name && sample.labels.at("model_name") == "nano";
      for (const auto& [key, label] : labels) {
        const auto it = sample.labels.find(key);
        all = all && it != sample.labels.end() && it->second == label;
      }
      if (all) return sample.value;
    }
    ADD_FAILURE() << "no " << name;
    return -1.0;
  };
  EXPECT_EQ(value("thinking_budget_forced_total"), 1);
  EXPECT_EQ(value("loop_stopped_total"), 1);
  EXPECT_EQ(value("admission_rejections_total"), 1);
  EXPECT_EQ(value("media_rejected_total", {{"reason", "not_allowed"}}), 1);
  EXPECT_EQ(value("num_preemptions_total"), 3);
  EXPECT_EQ(value("engine_steps_total"), 17);
  EXPECT_EQ(value("engine_alive"), 1);
  EXPECT_EQ(value("cache_config_info", {{"block_size", "64"}, {"num_gpu_blocks", "8"}}), 1);
  EXPECT_EQ(value("request_queue_time_seconds_sum"), 2);
  EXPECT_EQ(value("request_prefill_time_seconds_sum"), 1.5);
  EXPECT_EQ(value("request_decode_time_seconds_sum"), 0.9);
  EXPECT_EQ(value("request_queue_time_seconds_bucket", {{"le", "2"}}), 2);
  EXPECT_EQ(value("request_queue_time_seconds_bucket", {{"le", "+Inf"}}), 2);
  EXPECT_EQ(value("requests_cancelled_total"), 0);
}

}  // namespace
}  // namespace glmv::server
