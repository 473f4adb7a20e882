// glmv eval: asks every question of a dataset file and counts the right answers per task.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <fstream>
#include <map>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/progress_line.h"
#include "glmv/base/files.h"
#include "glmv/chat/local_backend.h"
#include "glmv/synth/export.h"
#include "glmv/synth/verify.h"

namespace glmv::app {
namespace {

struct EvalFlags {
  ModelFlags model;
  ChatFlags chat;
  std::string data;
  std::string output;
  int64_t limit = 0;
  bool json = false;
};

struct TaskCount {
  int64_t right = 0;
  int64_t total = 0;
  double accuracy() const { return total > 0 ? double(right) / double(total) : 0; }
};
using Counts = std::map<std::string, TaskCount>;

Result<std::pair<bool, Json>> ask(api::ChatBackend& backend, const ChatFlags& flags,
                                  const synth::EvalItem& item,
                                  const std::filesystem::path& folder) {
  GLMV_ASSIGN(api::ChatRequest request, chat_request(flags));
  text::Message user = text::Message::user("");
  user.content = {{.kind = text::PartKind::kImage, .source = (folder / item.image).string()},
                  {.kind = text::PartKind::kText, .text = item.question}};
  user.content_is_string = false;
  request.messages.push_back(std::move(user));
  GLMV_ASSIGN(const api::ChatReply reply,
              backend.chat(request, [](const api::ChatChunk&) { return !interrupted(); }));
  const std::string answer(synth::answer_of(reply.raw_text));
  const bool right = synth::check(item.verifier, item.answer, item.boxes, answer);
  return std::pair(right, Json{{"id", item.id},
                               {"task", item.task},
                               {"question", item.question},
                               {"gold", item.answer},
                               {"answer", answer},
                               {"right", right},
                               {"output", reply.raw_text},
                               {"finish", reply.finish_reason}});
}

void print_table(const Counts& counts) {
  fmt::print("{:<14} {:>6} {:>6} {:>9}\n", "task", "right", "of", "accuracy");
  TaskCount all;
  for (const auto& [task, count] : counts) {
    fmt::print("{:<14} {:>6} {:>6} {:>7.1f} %\n", task, count.right, count.total,
               100 * count.accuracy());
    all.right += count.right;
    all.total += count.total;
  }
  fmt::print("{:<14} {:>6} {:>6} {:>7.1f} %\n", "all", all.right, all.total, 100 * all.accuracy());
}

Result<int> run_eval(const EvalFlags& flags) {
  GLMV_ASSIGN(std::vector<synth::EvalItem> items, synth::read_eval(flags.data));
  if (flags.limit > 0 && flags.limit < static_cast<int64_t>(items.size()))
    items.resize(flags.limit);
  GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags.model));
  GLMV_ASSIGN(const auto backend, chat::LocalBackend::load(engine));
  const std::filesystem::path folder = std::filesystem::path(flags.data).parent_path();
  std::ofstream log;
  if (!flags.output.empty()) {
    log.open(flags.output);
    if (!log) return invalid_argument("cannot write {}", flags.output);
  }
  catch_interrupts();
  Counts counts;
  ProgressLine progress;
  for (size_t i = 0; i < items.size() && !interrupted(); ++i) {
    GLMV_ASSIGN(const auto outcome, ask(*backend, flags.chat, items[i], folder));
    if (interrupted()) break;
    TaskCount& count = counts[items[i].task];
    count.right += outcome.first;
    ++count.total;
    if (log.is_open()) log << outcome.second.dump() << '\n';
    progress.show(static_cast<int64_t>(i) + 1, std::ssize(items));
  }
  progress.clear();
  if (log.is_open() && !log.flush()) return resource_exhausted("cannot write {}", flags.output);
  if (flags.json) {
    Json object = Json::object();
    for (const auto& [task, count] : counts) {
      object[task] = {
          {"right", count.right}, {"total", count.total}, {"accuracy", count.accuracy()}};
    }
    fmt::print("{}\n", object.dump(2));
  } else {
    print_table(counts);
  }
  return interrupted() ? kExitInterrupted : 0;
}

}  // namespace

void add_eval(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<EvalFlags>();
  add_model_flags(command, flags->model);
  add_chat_flags(command, flags->chat);
  command.add_option("data", flags->data, "eval.jsonl: question, image, answer, task, verifier")
      ->required();
  command.add_option("-o,--output", flags->output, "JSON Lines: every question with its answer")
      ->group("Output");
  command.add_option("--limit", flags->limit, "ask only the first N")->group("Output");
  command.add_flag("--json", flags->json, "the table as JSON")->group("Output");
  command.callback([flags, &exit_code] { exit_code = report(run_eval(*flags)); });
}

}  // namespace glmv::app
