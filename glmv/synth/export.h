#pragma once
// Generated samples as dataset folders:
//   finetune.json  the format of GLM-V's README: [{"messages": [{role, content}...],
//                  "images": [path]}], "<image>" in the user text marks the picture
//   eval.jsonl     one object a line with question, gold answer, task and verifier
//   images/*.png
// Files appear under their final names only when complete; finetune.json and eval.jsonl come last.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/base/result.h"
#include "glmv/synth/tasks.h"

namespace glmv::synth {

struct ExportOptions {
  Split split = Split::kTest;
  // Either these tasks (empty: all that are not training-only), `count` samples of each ...
  std::vector<Task> tasks;
  // ... or `count` samples of this training mixture (split must be kTrain).
  const Mixture* mixture = nullptr;
  uint64_t first_index = 0;
  uint64_t count = 100;
  double nothink_share = 0.25;
  // Pictures are replaced by noise of the same size: what a model gets right then, it guessed.
  bool blind = false;
};

// Errors: missing fonts, a folder that cannot be written, a mixture with the test split.
Result<void> export_dataset(const std::filesystem::path& folder, const ExportOptions& options);

// One line of eval.jsonl.
struct EvalItem {
  std::string id;
  std::string task;
  std::string image;  // relative to the file
  std::string question;
  std::string answer;
  VerifierKind verifier = VerifierKind::kExact;
  std::vector<GridBox> boxes;
  bool think = true;
};
Json to_json(const EvalItem& item);
// Errors name file and line.
Result<std::vector<EvalItem>> read_eval(const std::filesystem::path& path);

// The conversation of a sample in the README format.
Json to_finetune_json(const QaSample& sample, const std::string& image_path);

}  // namespace glmv::synth
