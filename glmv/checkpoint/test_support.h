#pragma once
// Shared by the tests of this folder.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/checkpoint/hf_config.h"

namespace glmv::checkpoint::testing {

inline const std::filesystem::path kTests = std::filesystem::path(GLMV_SOURCE_DIR) / "tests";

// A fresh folder, removed at the end of the test.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "glmv_checkpoint_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  // Names in the folder, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void write(const std::string& name, const std::string& data) const {
    std::ofstream(path_ / name, std::ios::binary) << data;
  }

 private:
  std::filesystem::path path_;
};

// tests/golden/configs/<name>.json
inline Json config_json(const std::string& name) {
  return read_json_file(kTests / "golden/configs" / (name + ".json")).value();
}

inline ModelConfig config_of(const std::string& name) {
  return parse_model_config(config_json(name)).value();
}

// Lines of tests/cases/<name>.
inline std::vector<Json> read_cases(const std::string& name) {
  std::ifstream file(kTests / "cases" / name);
  std::vector<Json> cases;
  for (std::string line; std::getline(file, line);) {
    cases.push_back(parse_json(line, name).value());
  }
  return cases;
}

// A safetensors file from its header text and data.
inline std::string file_of(const std::string& header, size_t data_bytes) {
  std::string file(8, '\0');
  for (size_t i = 0; i < 8; ++i) file[i] = static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return file + header + std::string(data_bytes, '\x01');
}

}  // namespace glmv::checkpoint::testing
