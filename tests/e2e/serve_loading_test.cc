// The server before its model is there: the port is open, what goes wrong is said at once.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/e2e/serving.h"

namespace glmv::e2e {
namespace {

using namespace std::chrono_literals;

// Its port, once it says that it loads.
uint16_t loading_port(Process& process) {
  const std::string mark = "; port ";
  for (int i = 0; i < 6000 && process.running(); ++i) {
    const std::string text = process.err();
    const size_t at = text.find(mark);
    if (at != text.npos && text.find('\n', at) != text.npos) {
      return static_cast<uint16_t>(std::stoi(text.substr(at + mark.size())));
    }
    std::this_thread::sleep_for(2ms);
  }
  ADD_FAILURE() << "not loading: " << process.err();
  return 0;
}

TEST_F(Program, ThePortIsOpenWhileTheModelIsLoaded) {
  Process process({"serve", "--port", "0"});  // the embedded model
  const uint16_t port = loading_port(process);
  const auto ready = net::TestConnection(port).ask("GET", "/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("\"loading\""));
  EXPECT_TRUE(ready.headers.contains("retry-after"));
  EXPECT_EQ(net::TestConnection(port).ask("GET", "/health").status, 200);
  for (int i = 0; i < 1200 && process.running(); ++i) {
    if (net::TestConnection(port).ask("GET", "/ready").status == 200) break;
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(net::TestConnection(port).ask("GET", "/v1/models").status, 200);
  process.send(SIGTERM);
  const Outcome end = process.wait();
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_THAT(end.err, HasSubstr("serving "));
}

TEST_F(Program, SigtermEndsTheLoading) {
  const std::string socket = path("socket");
  Process process({"serve", "--uds", socket});
  for (int i = 0; i < 6000 && process.err().find("loading ") == std::string::npos; ++i) {
    std::this_thread::sleep_for(2ms);
  }
  process.send(SIGTERM);
  const Outcome end = process.wait();
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_THAT(end.err, testing::Not(HasSubstr("serving ")));
  EXPECT_FALSE(std::filesystem::exists(socket));
}

TEST_F(Program, APortInUseIsSaidBeforeTheModelIsLoaded) {
  const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
  // Its weights would be an error too, later.
  const std::string model = tiny();
  std::filesystem::resize_file(model + "/model.safetensors", 100);
  const Words words = {"serve", model, "--port", std::to_string(ntohs(address.sin_port))};
  const Outcome busy = run(words);
  expect_error(busy, 7, "cannot listen on");
  ::close(taken);
  const Outcome broken = run(words);
  EXPECT_NE(broken.exit_code, 0);
  EXPECT_THAT(broken.err, HasSubstr("model.safetensors"));
  EXPECT_THAT(broken.err, testing::Not(HasSubstr("cannot listen")));
}

}  // namespace
}  // namespace glmv::e2e
