#pragma once
// A short question that every model must be able to answer before it is served: what comes back is
// finite, the same twice, and depends on the picture. Finds broken weights and kernels, not bad
// answers.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/api/chat_backend.h"
#include "glmv/runtime/engine.h"

namespace glmv::chat {

struct SelfTestCase {
  std::string question = "What colour is the circle?";  // with a picture of a red circle
  std::vector<int32_t> output_ids;                      // the greedy answer; empty: not known
};
// self_test.json of a checkpoint folder, {"question", "output_ids"}; the default where there is
// none. invalid_argument where it cannot be read.
Result<SelfTestCase> read_self_test(const std::filesystem::path& model_dir);

struct SelfTestReport {
  struct Check {
    std::string name;
    bool ok = false;
    std::string detail;  // what was found
  };
  std::vector<Check> checks;
  double seconds = 0;

  bool ok() const;
  std::string problem() const;  // of the first check that failed; empty: none
};

// Asks three times; tens of prompt tokens and a few new ones each.
SelfTestReport self_test(api::ChatBackend& backend, const SelfTestCase& test);
// The case of options.model_dir; its known answer counts only where nothing is rounded.
SelfTestReport self_test(api::ChatBackend& backend, const runtime::EngineOptions& options);

}  // namespace glmv::chat
