// glmv bench-thinking: what a limit on the thought costs and saves.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>

#include "apps/glmv/command.h"
#include "apps/glmv/load_backend.h"
#include "apps/glmv/reply_printer.h"
#include "apps/glmv/thinking_questions.h"
#include "apps/glmv/thinking_report.h"
#include "glmv/chat/thinking_rounds.h"

namespace glmv::app {
namespace {

struct BenchThinkingFlags {
  ModelFlags model;
  std::string video;
  std::vector<std::string> images;
  std::string prompt;
  std::string data;
  int64_t limit = 0;
  chat::RoundLimits rounds;
  std::vector<int64_t> budgets;
  double temperature = 0.1;
  std::optional<uint64_t> seed;
  std::string answer_tags = "auto";
  bool json = false;
  std::string output, plot;
};

// A question in two rounds, in this process or on a server.
class Asker {
 public:
  static Result<Asker> create(const BenchThinkingFlags& flags) {
    Asker asker;
    if (names_a_server(flags.model)) {
      GLMV_ASSIGN(asker.remote_, load_backend(flags.model));
      asker.answer_tags_ = flags.answer_tags == "yes";
      if (flags.answer_tags == "auto") {
        GLMV_ASSIGN(const api::ServerModel model, server_model(flags.model));
        asker.answer_tags_ = model.name.find("4.1") != std::string::npos;
      }
      return asker;
    }
    GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags.model));
    GLMV_ASSIGN(asker.local_, chat::LocalBackend::load(engine));
    return asker;
  }

  Result<chat::TwoRounds> ask(const api::ChatRequest& request, const chat::RoundLimits& limits) {
    const auto wanted = [] { return !interrupted(); };
    if (local_) return chat::answer_in_two_rounds(*local_, request, limits, wanted);
    return chat::answer_in_two_rounds(*remote_, request, limits, answer_tags_, wanted);
  }

 private:
  std::unique_ptr<chat::LocalBackend> local_;
  std::unique_ptr<api::ChatBackend> remote_;
  bool answer_tags_ = true;
};

Result<std::vector<ThinkingQuestion>> questions_of(const BenchThinkingFlags& flags) {
  const bool has_question = !flags.prompt.empty();
  if (has_question == !flags.data.empty()) {
    return invalid_argument("give either --prompt (with --video or --image) or --data FILE");
  }
  if (has_question) {
    return std::vector<ThinkingQuestion>{
        {.id = "1", .prompt = flags.prompt, .images = flags.images, .video = flags.video}};
  }
  GLMV_ASSIGN(std::vector<ThinkingQuestion> questions, read_thinking_questions(flags.data));
  if (flags.limit > 0 && flags.limit < std::ssize(questions)) questions.resize(flags.limit);
  return questions;
}

api::ChatRequest request_of(const ThinkingQuestion& question, const BenchThinkingFlags& flags) {
  api::ChatRequest request;
  request.temperature = flags.temperature;
  request.seed = flags.seed;
  text::Message message = text::Message::user("");
  message.content.clear();
  for (const std::string& path : question.images) {
    message.content.push_back({.kind = text::PartKind::kImage, .source = path});
  }
  if (!question.video.empty()) {
    message.content.push_back({.kind = text::PartKind::kVideo, .source = question.video});
  }
  message.content_is_string = message.content.empty();
  message.content.push_back({.text = question.prompt});
  request.messages.push_back(std::move(message));
  return request;
}

Result<int> run_bench_thinking(const BenchThinkingFlags& flags) {
  GLMV_ASSIGN(const std::vector<ThinkingQuestion> questions, questions_of(flags));
  std::vector<int64_t> budgets = flags.budgets;
  if (budgets.empty()) budgets.push_back(flags.rounds.first_max_tokens);
  std::ranges::sort(budgets);
  budgets.erase(std::ranges::unique(budgets).begin(), budgets.end());
  if (!flags.plot.empty() && budgets.size() < 2) {
    return invalid_argument("--plot: give at least two --budgets");
  }
  std::ofstream log;
  if (!flags.output.empty()) {
    log.open(flags.output);
    if (!log) return invalid_argument("cannot write {}", flags.output);
  }
  GLMV_ASSIGN(Asker asker, Asker::create(flags));
  catch_interrupts();
  const bool terminal = wants_colour(STDERR_FILENO);
  std::vector<ThinkingRun> runs;
  const size_t total = questions.size() * budgets.size();
  for (const ThinkingQuestion& question : questions) {
    const api::ChatRequest request = request_of(question, flags);
    for (const int64_t budget : budgets) {
      if (interrupted()) break;
      chat::RoundLimits limits = flags.rounds;
      limits.first_max_tokens = budget;
      auto rounds = asker.ask(request, limits);
      if (!rounds && interrupted()) break;
      if (!rounds) return in_context("question " + question.id, rounds.error());
      ThinkingRun run{question.id, budget, std::move(*rounds), {}};
      if (!question.answer.empty()) run.right = is_right(question, run.rounds);
      if (log.is_open()) log << to_json(run).dump() << std::endl;
      runs.push_back(std::move(run));
      if (terminal) fmt::print(stderr, "\r\033[K{} of {}", runs.size(), total);
    }
  }
  if (terminal) fmt::print(stderr, "\r\033[K");
  if (log.is_open() && !log.flush()) return resource_exhausted("cannot write {}", flags.output);
  if (runs.empty()) return kExitInterrupted;
  if (flags.json) {
    fmt::print("{}\n", thinking_json(runs).dump(2));
  } else {
    fmt::print("{}", thinking_text(runs));
  }
  if (!flags.plot.empty() && !interrupted()) {
    GLMV_RETURN_IF_ERROR(draw_thinking_plot(runs, flags.plot));
  }
  return interrupted() ? kExitInterrupted : 0;
}

}  // namespace

void add_bench_thinking(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<BenchThinkingFlags>();
  add_model_flags(command, flags->model);
  add_server_flags(command, flags->model);
  command.add_option("--model_path", flags->model.model, "as -m")->group("");
  const std::string input = "Question";
  command.add_option("--prompt", flags->prompt, "the question")->group(input);
  command.add_option("-i,--image", flags->images, "picture, repeatable")
      ->allow_extra_args(false)
      ->group(input);
  command.add_option("-v,--video,--video_path", flags->video, "video file")->group(input);
  command
      .add_option("--data", flags->data,
                  "many questions instead: JSON Lines with prompt, image or images, video, answer")
      ->group(input);
  command.add_option("--limit", flags->limit, "of these, the first N")->group(input);
  const std::string rounds = "Rounds";
  command
      .add_option("--first-max-tokens,--first_max_tokens", flags->rounds.first_max_tokens,
                  "of the first round")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(rounds);
  command
      .add_option("--force-max-tokens,--force_max_tokens", flags->rounds.force_max_tokens,
                  "of the second round, where one is needed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(rounds);
  command
      .add_option("--budgets", flags->budgets,
                  "limits of the first round to compare, as in 128,512,2048")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->group(rounds);
  command.add_option("--temp,--temperature", flags->temperature, "0: greedy")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(rounds);
  command.add_option("--seed", flags->seed, "for repeatable sampling")
      ->check(CLI::NonNegativeNumber)
      ->group(rounds);
  command
      .add_option("--answer-tags", flags->answer_tags,
                  "of a server's model: it writes <answer> (GLM-4.1V); auto: by its name")
      ->check(CLI::IsMember({"auto", "yes", "no"}))
      ->capture_default_str()
      ->group(rounds);
  const std::string output = "Output";
  command.add_flag("--json", flags->json, "all runs and their means as JSON")->group(output);
  command.add_option("-o,--output", flags->output, "JSON Lines: every run as it ends")
      ->group(output);
  command.add_option("--plot", flags->plot, "PNG: accuracy and length against --budgets")
      ->group(output);
  command.callback([flags, &exit_code] { exit_code = report(run_bench_thinking(*flags)); });
}

}  // namespace glmv::app
