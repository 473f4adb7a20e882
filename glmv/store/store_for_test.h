#pragma once
// A folder for one test, and conversations to put into a store there.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "glmv/store/conversation_store.h"

namespace glmv::store {

class InFolder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              fmt::format("glmv_store_{}_{}_{}", info->test_suite_name(), info->name(), ::getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ConversationStore> open(const StoreOptions& options = {}) {
    notices_.clear();
    auto store = ConversationStore::open(folder_, notices_, options);
    EXPECT_TRUE(store) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }
  std::filesystem::path database() const { return folder_ / "conversations.db"; }

  std::filesystem::path folder_;
  std::vector<std::string> notices_;
};

// A question and its answer, `turns` times.
inline Json conversation_of(const std::string& id, const std::string& text, int turns = 1,
                            int64_t updated_ms = 1000) {
  Json messages = Json::array();
  Json parent;
  for (int i = 0; i < 2 * turns; ++i) {
    const std::string name = fmt::format("m{}", i);
    messages.push_back({{"id", name},
                        {"conv", id},
                        {"parent", parent},
                        {"role", i % 2 == 0 ? "user" : "assistant"},
                        {"text", fmt::format("{} {}", text, i)},
                        {"think", i % 2 == 0 ? "" : "a thought"},
                        {"parts", Json::array()},
                        {"status", "done"},
                        {"stats", Json::object()},
                        {"created", 5 + i}});
    parent = name;
  }
  return {{"conv",
           {{"id", id},
            {"title", "About " + text},
            {"created", 1},
            {"updated", updated_ms},
            {"pinned", false},
            {"leaf", parent},
            {"params", Json::object()},
            {"system", ""},
            {"named", true}}},
          {"msgs", std::move(messages)}};
}

inline StoredConversation stored(const Json& json) {
  auto read = read_conversation(json, json["conv"]["id"].get<std::string>());
  EXPECT_TRUE(read) << read.error().message;
  return *std::move(read);
}

// What `run` returns in a child process; -1 where it was killed.
inline int in_child(const std::function<int()>& run) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(run());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace glmv::store
