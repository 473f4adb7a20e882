// The tests' hub as a program: prints its address, then obeys a word a line on standard input:
//   seen            what was asked since the last time, one JSON list
//   drop N          the next answer with content of a large file is cut after N bytes
//   delay MS        before each 64 KiB
//   commit C        the model's commit from now on
//   config TEXT     its config.json from now on

#include <fmt/format.h>

#include <iostream>

#include "glmv/hub/fake_hub_for_test.h"

int main() {
  glmv::hub::FakeHub hub;
  std::string weights(24 << 20, '\0');
  uint32_t state = 1;
  for (char& byte : weights) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  hub.files["config.json"] = {R"({"model_type":"glm4v"})"};
  hub.files["tokenizer_config.json"] = {"{}"};
  hub.files["README.md"] = {"# tiny\n"};
  hub.files["model.safetensors"] = {std::move(weights), true};
  fmt::print("{}\n", hub.endpoint());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const std::string word = line.substr(0, line.find(' '));
    const std::string rest = line.size() > word.size() ? line.substr(word.size() + 1) : "";
    glmv::Json answer = glmv::Json::array();
    if (word == "seen") {
      for (const auto& one : hub.seen()) {
        answer.push_back({{"method", one.method}, {"path", one.path}, {"range", one.range}});
      }
      hub.forget();
    } else if (word == "drop") {
      hub.faults.drops.push_back(std::stoul(rest));
    } else if (word == "delay") {
      hub.faults.delay = std::chrono::milliseconds(std::stol(rest));
    } else if (word == "commit") {
      hub.set_commit(rest);
    } else if (word == "config") {
      hub.files["config.json"].content = rest;
    }
    fmt::print("{}\n", answer.dump());
    std::fflush(stdout);
  }
  return 0;
}
