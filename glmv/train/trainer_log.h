#pragma once
// trainer_log.jsonl: one JSON object per line, in LLaMA-Factory's field names.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/base/result.h"

namespace glmv::train {

struct LogEntry {
  int64_t current_steps = 0;
  int64_t total_steps = 0;
  std::optional<double> loss;
  std::optional<double> eval_loss;
  std::optional<double> accuracy;  // of the evaluation, per token
  std::optional<double> lr;
  std::optional<double> grad_norm;
  double epoch = 0;
  double elapsed_s = 0;
  double remaining_s = 0;
  double throughput = 0;  // input tokens per second
  int64_t total_tokens = 0;
};

Json to_json(const LogEntry& entry);  // absent fields are left out

class TrainerLog {
 public:
  // Continues the file of an earlier run at `start_step`: later entries, and a line that a kill cut
  // short, are dropped. start_step = 0 starts anew.
  static Result<TrainerLog> open(const std::filesystem::path& path, int64_t start_step);

  Result<void> append(const LogEntry& entry);
  const std::vector<Json>& entries() const { return entries_; }

 private:
  explicit TrainerLog(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::vector<Json> entries_;
};

}  // namespace glmv::train
