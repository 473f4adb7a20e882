#pragma once
// For tests: a folder of their own, a tiny model on a fake hub, and what a pull told.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "glmv/hub/fake_hub_for_test.h"
#include "glmv/hub/pull.h"

namespace glmv::hub {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "glmv-hub-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Bytes that no part of them repeats.
inline std::string noise(size_t size) {
  std::string bytes(size, '\0');
  uint64_t state = 88172645463325252u;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 32);
  }
  return bytes;
}

struct Watcher : PullObserver {
  PullPlan plan;
  std::vector<std::string> begun, done, notes;
  int64_t bytes = 0;
  std::function<bool()> still_wanted;

  void on_plan(const PullPlan& found) override { plan = found; }
  void on_file(const PullFile& file) override { begun.push_back(file.name); }
  void on_bytes(const PullFile&, int64_t present) override { bytes = present; }
  void on_file_done(const PullFile& file) override { done.push_back(file.name); }
  void on_note(const std::string& text) override { notes.push_back(text); }
  bool wanted() override { return !still_wanted || still_wanted(); }
};

// A hub with a tiny model, and a cache.
class HubTest : public testing::Test {
 protected:
  static constexpr size_t kWeightBytes = 1'000'003;

  HubTest() {
    hub.files["config.json"] = {R"({"model_type":"glm4v"})"};
    hub.files["README.md"] = {"# tiny\n"};
    hub.files["model.safetensors"] = {noise(kWeightBytes), true};
    hub.files["pytorch_model.bin"] = {"no", true};
    options.endpoint = *net::parse_url(hub.endpoint());
    options.endpoint.target.clear();
    options.cache = folder.path() / "hub";
    options.part_bytes = 100'000;
    options.num_connections = 4;
    options.retry_delay = std::chrono::milliseconds(1);
    options.stall_timeout = std::chrono::milliseconds(2000);
  }

  Result<PullPlan> pull_it(PullRequest request = {}) {
    request.repo = *parse_repo_name(name);
    watcher.begun.clear();
    watcher.done.clear();
    watcher.notes.clear();
    return pull(options, request, watcher);
  }
  std::filesystem::path model_folder() const { return options.cache / "models--acme--tiny"; }
  std::filesystem::path snapshot() const { return model_folder() / "snapshots" / hub.commit(); }
  std::filesystem::path weights_blob(const std::string& end = {}) const {
    return model_folder() / "blobs" / (FakeHub::digest(hub.files.at("model.safetensors")) + end);
  }
  bool has_weights() const {
    return content_of(snapshot() / "model.safetensors") ==
           hub.files.at("model.safetensors").content;
  }

  TemporaryFolder folder;
  FakeHub hub;
  HubOptions options;
  Watcher watcher;
  std::string name = "acme/tiny";
};

}  // namespace glmv::hub
