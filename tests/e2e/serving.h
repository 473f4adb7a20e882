#pragma once
// A running `glmv serve` on a port of its own.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "glmv/net/http_client_for_test.h"
#include "tests/e2e/fixtures.h"

namespace glmv::e2e {

// Waits for the line that names its address, which begins with `mark`.
class Serving {
 public:
  explicit Serving(const Words& flags, const std::string& mark = "http://127.0.0.1:")
      : process_(join(join({"serve"}, flags), {"--port", "0"})) {
    for (int i = 0; i < 1200 && process_.running(); ++i) {
      const std::string text = process_.err();
      const size_t at = text.find(mark);
      if (at != std::string::npos && text.find('\n', at) != std::string::npos) {
        port_ = static_cast<uint16_t>(std::stoi(text.substr(at + mark.size())));
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    ADD_FAILURE() << "not serving: " << process_.err();
  }
  net::HttpAnswer ask(const Json& body) {
    net::TestConnection client(port_);
    return client.ask("POST", "/v1/chat/completions", body.dump());
  }
  uint16_t port() const { return port_; }
  Process& process() { return process_; }

 private:
  Process process_;
  uint16_t port_ = 0;
};

}  // namespace glmv::e2e
