#pragma once
// Cases with a hub of this machine and a cache of their own.

#include <cstdlib>

#include "glmv/hub/fake_hub_for_test.h"
#include "tests/e2e/fixtures.h"

namespace glmv::e2e {

// The variables go to the program through this process.
class HubProgram : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE",
                             "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
                             "http_proxy", "all_proxy", "GLMV_MODEL"}) {
      ::unsetenv(name);
    }
    ::setenv("HF_HOME", path("hf").c_str(), 1);
    ::setenv("HF_ENDPOINT", hub.endpoint().c_str(), 1);
  }
  // The hub's model is a real one, tiny.
  void offer_tiny() {
    for (const auto& entry : std::filesystem::directory_iterator(tiny())) {
      const std::string name = entry.path().filename().string();
      hub.files[name] = {read(entry.path()), name.ends_with(".safetensors")};
    }
    hub.files["pytorch_model.bin"] = {"no", true};
  }
  // Weights of so many bytes that no model needs.
  void offer_large(size_t size) {
    hub.files["config.json"] = {R"({"model_type":"glm4v"})"};
    hub.files["model.safetensors"] = {std::string(size, 'w'), true};
    hub.files["model.safetensors"].content[size / 2] = 'x';
  }
  std::filesystem::path model() const { return folder_ / "hf/hub/models--acme--tiny"; }
  std::filesystem::path incomplete() const {
    return model() / "blobs" /
           (hub::FakeHub::digest(hub.files.at("model.safetensors")) + ".incomplete");
  }

  hub::FakeHub hub;
};

}  // namespace glmv::e2e
