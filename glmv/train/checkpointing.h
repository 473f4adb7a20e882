#pragma once
// Checkpoint folders of a training run:
//   OUT/checkpoint-N/   Hugging Face folder (weights, config, tokenizer, template, ...) plus
//                       optimizer.safetensors and trainer_state.json
//   OUT/latest          name of the newest complete one
// A folder gets its name only when every file in it is synced; what a kill leaves behind has a name
// that starts with ".tmp-" and is ignored and later removed.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/base/result.h"
#include "glmv/model/vlm.h"

namespace glmv::train {

struct CheckpointContent {
  int64_t step = 0;
  std::filesystem::path side_files;  // folder whose non-weight files are copied
  std::vector<model::NamedParameter> weights;
  std::vector<model::NamedParameter> optimizer;  // empty: no optimizer.safetensors
  Json state;                                    // trainer_state.json
};

// Writes OUT/checkpoint-N and OUT/latest, then removes all but the newest `keep_last` (0: all
// stay). resource_exhausted when the disk is full; then nothing of the new checkpoint is left and
// the older ones are untouched. Returns the folder.
Result<std::filesystem::path> save_checkpoint(const std::filesystem::path& out,
                                              const CheckpointContent& content, int64_t keep_last);

// The newest complete checkpoint: the one `latest` names, otherwise the highest number.
std::optional<std::filesystem::path> find_latest_checkpoint(const std::filesystem::path& out);

// Removes what interrupted saves left in `out`.
void remove_leftovers(const std::filesystem::path& out);

struct ResumeState {
  Json state;
  std::vector<model::NamedParameter> optimizer;  // own memory
};
// not_found when the folder has no trainer_state.json or optimizer.safetensors.
Result<ResumeState> load_resume_state(const std::filesystem::path& checkpoint);

// The layout of the state tensors in a safetensors file, both ways.
Result<void> write_tensors(const std::filesystem::path& path,
                           std::span<const model::NamedParameter> tensors);
Result<std::vector<model::NamedParameter>> read_tensors(const std::filesystem::path& path);

}  // namespace glmv::train
