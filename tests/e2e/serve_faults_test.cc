// The server under load and faults: idle and slow clients, signals, a cache that a kill tore.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

Json question(const std::string& text, int64_t max_tokens) {
  return {{"messages", {{{"role", "user"}, {"content", text}}}},
          {"max_tokens", max_tokens},
          {"ignore_eos", true},
          {"temperature", 0}};
}

std::string content_of(const net::HttpAnswer& answer) {
  const Json body = Json::parse(answer.body, nullptr, false);
  return body.contains("choices") ? body["choices"][0]["message"]["content"].get<std::string>()
                                  : answer.body;
}

TEST_F(Program, IdleConnectionsHoldUpNobody) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  const size_t num_idle = std::min<size_t>(1000, limit.rlim_cur / 2);
  Serving server({tiny()});
  const std::string want = content_of(server.ask(question("Hi", 8)));
  std::vector<std::unique_ptr<net::TestConnection>> idle;
  for (size_t i = 0; i < num_idle; ++i) {
    idle.push_back(std::make_unique<net::TestConnection>(server.port()));
    // A third of them have begun a request that never ends.
    if (i % 3 == 0) idle.back()->send("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(content_of(server.ask(question("Hi", 8))), want);
  net::TestConnection other(server.port());
  EXPECT_EQ(other.ask("GET", "/health", "").status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
  idle.clear();
  server.process().send(SIGTERM);
  EXPECT_EQ(server.process().wait().exit_code, 0);
}

// Clients that ask until they are refused; what they got by status.
class Crowd {
 public:
  Crowd(uint16_t port, int num_clients) {
    for (int i = 0; i < num_clients; ++i) threads_.emplace_back([this, port, i] { run(port, i); });
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  int whole() const { return whole_; }
  int strange() const { return strange_; }

 private:
  void run(uint16_t port, int i) {
    for (int n = 0; n < 10'000; ++n) {
      net::TestConnection client(port);
      const auto answer = client.ask("POST", "/v1/chat/completions",
                                     question("client " + std::to_string(i), 12).dump());
      if (answer.status == 0) return;  // the server is gone
      if (answer.status == 503) {
        EXPECT_TRUE(answer.headers.contains("retry-after"));
        return;
      }
      ++(answer.status == 200 && answer.complete ? whole_ : strange_);
    }
  }

  std::vector<std::thread> threads_;
  std::atomic<int> whole_ = 0, strange_ = 0;
};

TEST_F(Program, SigtermUnderLoadEndsWhatRunsAndRefusesTheRest) {
  Serving server({tiny(), "--shutdown-timeout", "30"});
  Crowd crowd(server.port(), 8);
  for (int i = 0; i < 2000 && crowd.whole() < 16; ++i) std::this_thread::sleep_for(5ms);
  server.process().send(SIGTERM);
  const Outcome end = server.process().wait();
  crowd.join();
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_GE(crowd.whole(), 16);
  EXPECT_EQ(crowd.strange(), 0);
}

TEST_F(Program, SigkillUnderLoadLeavesACacheThatIsRightOrUnused) {
  const std::string cache = path("prefixes");
  const Words flags = {tiny(), "--prefix-cache-dir", cache};
  std::string text;
  for (int i = 0; i < 60; ++i) text += "word " + std::to_string(i) + " ";
  std::string want;
  for (int round = 0; round < 3; ++round) {
    Serving server(flags);
    const std::string answer = content_of(server.ask(question(text, 12)));
    if (round == 0) want = answer;
    EXPECT_EQ(answer, want) << "round " << round;
    Crowd crowd(server.port(), 6);
    for (int i = 0; i < 2000 && crowd.whole() < 12; ++i) std::this_thread::sleep_for(5ms);
    server.process().send(SIGKILL);
    EXPECT_EQ(server.process().wait().signal, SIGKILL);
    crowd.join();
    // As if the kill had torn one file and left another half written.
    bool torn = false;
    for (const auto& entry : fs::recursive_directory_iterator(cache)) {
      if (!entry.is_regular_file()) continue;
      if (!torn) fs::resize_file(entry.path(), entry.file_size() / 2);
      torn = true;
    }
    EXPECT_TRUE(torn);
    std::ofstream(cache + "/00.kvb.tmp1999999999") << "half";
  }
}

TEST_F(Program, AWallClockThatJumpsChangesNothing) {
  Serving plain({tiny()});
  const std::string want = content_of(plain.ask(question("Hi", 40)));
  ASSERT_EQ(::setenv("LD_PRELOAD", GLMV_CLOCK_JUMP, 1), 0);
  Serving server(
      {tiny(), "--request-timeout", "30", "--watchdog-timeout", "30", "--access-log", path("log")});
  ::unsetenv("LD_PRELOAD");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(content_of(server.ask(question("Hi", 40))), want);
  net::TestConnection other(server.port());
  EXPECT_EQ(other.ask("GET", "/health", "").status, 200);
  server.process().send(SIGTERM);
  EXPECT_EQ(server.process().wait().exit_code, 0);
}

TEST_F(Program, APortInUseIsNamed) {
  Serving server({tiny()});
  const Outcome second = run({"serve", tiny(), "--port", std::to_string(server.port())});
  EXPECT_NE(second.exit_code, 0);
  EXPECT_THAT(second.err, testing::HasSubstr(std::to_string(server.port())));
  EXPECT_EQ(server.ask(question("still there", 2)).status, 200);
}

}  // namespace
}  // namespace glmv::e2e
