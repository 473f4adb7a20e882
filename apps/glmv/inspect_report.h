#pragma once
// What `glmv inspect` finds out about a checkpoint folder, without loading a weight.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/checkpoint/hf_config.h"

namespace glmv::app {

struct InspectReport {
  struct Problem {
    bool fatal = false;  // the model does not load or answer; else something else is used instead
    std::string text;
  };

  Json data = Json::object();                             // all facts
  std::vector<std::pair<std::string, std::string>> rows;  // the same for people: label, text
  std::vector<Problem> problems;

  void row(std::string label, std::string text) {
    rows.emplace_back(std::move(label), std::move(text));
  }
  void error(std::string text) { problems.push_back({true, std::move(text)}); }
  void warning(std::string text) { problems.push_back({false, std::move(text)}); }
  // The value; an error becomes a problem.
  template <class T>
  std::optional<T> keep(Result<T> result) {
    if (result) return std::move(*result);
    error(result.error().message);
    return std::nullopt;
  }
};

// Never fails: a part that cannot be read is a problem of the report.
InspectReport inspect_checkpoint(const std::filesystem::path& dir);

// Sections, in files of their own. `config`: none when config.json is unusable.
void inspect_weights(const std::filesystem::path& dir,
                     const std::optional<checkpoint::ModelConfig>& config, InspectReport& report);
void inspect_text(const std::filesystem::path& dir,
                  const std::optional<checkpoint::ModelConfig>& config,
                  const std::string& model_type, InspectReport& report);

}  // namespace glmv::app
