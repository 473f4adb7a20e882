#include "apps/glmv/thinking_report.h"

#include <algorithm>
#include <map>

#include "apps/glmv/command.h"
#include "glmv/base/utf8.h"
#include "glmv/media/plot.h"
#include "glmv/media/png_writer.h"

namespace glmv::app {
namespace {

double seconds_of(const chat::TwoRounds& rounds) {
  return (rounds.first_ms + rounds.second_ms) / 1000;
}

std::string run_text(const ThinkingRun& run) {
  const chat::TwoRounds& rounds = run.rounds;
  std::string text = fmt::format(
      "{}\n[prompt {} tok | round 1: {} tok {} | round 2: {} tok {} | total {} tok | thought {} "
      "bytes | {}",
      repair_utf8(rounds.answer), rounds.input_length, rounds.first_length,
      duration_text(rounds.first_ms / 1000), rounds.second_length,
      duration_text(rounds.second_ms / 1000), rounds.total_length(), rounds.reasoning.size(),
      rounds.reason());
  if (run.right) text += *run.right ? " | right" : " | wrong";
  return text + "]\n";
}

// One under the other, of the same width.
media::Image stacked(const media::Image& above, const media::Image& below) {
  media::Image out{above.width, above.height + below.height, {}};
  out.data = above.data;
  out.data.insert(out.data.end(), below.data.begin(), below.data.end());
  return out;
}

}  // namespace

std::vector<BudgetSummary> summaries(const std::vector<ThinkingRun>& runs) {
  std::map<int64_t, BudgetSummary> by_budget;
  for (const ThinkingRun& run : runs) {
    BudgetSummary& sum = by_budget[run.budget];
    sum.budget = run.budget;
    ++sum.num_runs;
    sum.num_second_rounds += run.rounds.num_rounds == 2;
    sum.num_complete += run.rounds.complete;
    sum.num_known += run.right.has_value();
    sum.num_right += run.right.value_or(false);
    sum.first_length += double(run.rounds.first_length);
    sum.total_length += double(run.rounds.total_length());
    sum.seconds += seconds_of(run.rounds);
  }
  std::vector<BudgetSummary> out;
  for (auto& [budget, sum] : by_budget) {
    const auto n = double(sum.num_runs);
    sum.first_length /= n;
    sum.total_length /= n;
    sum.seconds /= n;
    out.push_back(sum);
  }
  return out;
}

Json to_json(const ThinkingRun& run) {
  const chat::TwoRounds& rounds = run.rounds;
  Json boxed = Json::array();
  for (const std::string& text : rounds.boxed) boxed.push_back(repair_utf8(text));
  Json json = {{"question", repair_utf8(run.question)},
               {"budget", run.budget},
               {"output_text", repair_utf8(rounds.output_text)},
               {"complete", rounds.complete},
               {"reason", rounds.reason()},
               {"input_length", rounds.input_length},
               {"first_generation_length", rounds.first_length},
               {"second_generation_length", rounds.second_length},
               {"total_generation_length", rounds.total_length()},
               {"generation_rounds", rounds.num_rounds},
               {"forced_length", rounds.tags_length},
               {"first_ms", rounds.first_ms},
               {"second_ms", rounds.second_ms},
               {"reasoning", repair_utf8(rounds.reasoning)},
               {"answer", repair_utf8(rounds.answer)},
               {"boxed", std::move(boxed)}};
  if (run.right) json["right"] = *run.right;
  return json;
}

Json thinking_json(const std::vector<ThinkingRun>& runs) {
  Json list = Json::array(), budgets = Json::array();
  for (const ThinkingRun& run : runs) list.push_back(to_json(run));
  for (const BudgetSummary& sum : summaries(runs)) {
    Json row = {{"budget", sum.budget},
                {"runs", sum.num_runs},
                {"second_rounds", sum.num_second_rounds},
                {"complete", sum.num_complete},
                {"first_generation_length", sum.first_length},
                {"total_generation_length", sum.total_length},
                {"seconds", sum.seconds}};
    if (sum.num_known > 0) {
      row["right"] = sum.num_right;
      row["known"] = sum.num_known;
      row["accuracy"] = sum.accuracy();
    }
    budgets.push_back(std::move(row));
  }
  return {{"runs", std::move(list)}, {"budgets", std::move(budgets)}};
}

std::string thinking_text(const std::vector<ThinkingRun>& runs) {
  if (runs.size() == 1) return run_text(runs[0]);
  std::string text =
      fmt::format("{:>8} {:>6} {:>10} {:>9} {:>10} {:>10} {:>9} {:>9}\n", "budget", "runs",
                  "2nd round", "complete", "round 1", "all", "time", "accuracy");
  for (const BudgetSummary& sum : summaries(runs)) {
    text += fmt::format("{:>8} {:>6} {:>10} {:>9} {:>6.0f} tok {:>6.0f} tok {:>7.2f} s {:>9}\n",
                        sum.budget, sum.num_runs, sum.num_second_rounds, sum.num_complete,
                        sum.first_length, sum.total_length, sum.seconds,
                        sum.num_known == 0 ? "-" : fmt::format("{:.1f} %", 100 * sum.accuracy()));
  }
  return text;
}

Result<void> draw_thinking_plot(const std::vector<ThinkingRun>& runs,
                                const std::filesystem::path& path) {
  media::PlotSeries accuracy{.name = "accuracy", .smooth = false};
  media::PlotSeries first{.name = "first round", .smooth = false};
  media::PlotSeries all{.name = "both rounds", .smooth = false};
  for (const BudgetSummary& sum : summaries(runs)) {
    const auto budget = double(sum.budget);
    if (sum.num_known > 0) {
      accuracy.x.push_back(budget);
      accuracy.y.push_back(100 * sum.accuracy());
    }
    for (auto* series : {&first, &all}) series->x.push_back(budget);
    first.y.push_back(sum.first_length);
    all.y.push_back(sum.total_length);
  }
  if (all.x.size() < 2) return invalid_argument("--plot: give at least two --budgets");
  GLMV_ASSIGN(media::Image image, media::draw_plot({.title = "Tokens per answer",
                                                    .x_label = "tokens of the first round",
                                                    .y_label = "tokens",
                                                    .series = {std::move(first), std::move(all)}}));
  if (accuracy.x.size() > 1) {
    GLMV_ASSIGN(const media::Image above, media::draw_plot({.title = "Right answers",
                                                            .x_label = "tokens of the first round",
                                                            .y_label = "%",
                                                            .series = {std::move(accuracy)}}));
    image = stacked(above, image);
  }
  return media::write_png(path, image);
}

}  // namespace glmv::app
