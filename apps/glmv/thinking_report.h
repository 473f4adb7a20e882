#pragma once
// What bench-thinking found: as a table, as JSON, as a picture.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/chat/thinking_rounds.h"

namespace glmv::app {

struct ThinkingRun {
  std::string question;  // id
  int64_t budget = 0;    // first_max_tokens
  chat::TwoRounds rounds;
  std::optional<bool> right;  // where the answer is known
};

// Means over the runs with one budget.
struct BudgetSummary {
  int64_t budget = 0;
  int64_t num_runs = 0, num_second_rounds = 0, num_complete = 0;
  int64_t num_known = 0, num_right = 0;
  double first_length = 0, total_length = 0, seconds = 0;

  double accuracy() const { return num_known > 0 ? double(num_right) / double(num_known) : 0; }
};
// In the order of the budgets.
std::vector<BudgetSummary> summaries(const std::vector<ThinkingRun>& runs);

// {"runs": [...], "budgets": [...]}; a run has the keys of the original benchmark and ours.
Json thinking_json(const std::vector<ThinkingRun>& runs);
Json to_json(const ThinkingRun& run);
std::string thinking_text(const std::vector<ThinkingRun>& runs);

// PNG: tokens per answer against the budget and, where answers are known, accuracy above it.
// invalid_argument for fewer than two budgets.
Result<void> draw_thinking_plot(const std::vector<ThinkingRun>& runs,
                                const std::filesystem::path& path);

}  // namespace glmv::app
