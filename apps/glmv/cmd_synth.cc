// glmv synth: generated pictures with questions and true answers, as dataset folders.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "apps/glmv/command.h"
#include "glmv/synth/export.h"
#include "glmv/synth/fonts.h"

namespace glmv::app {
namespace {

struct SynthFlags {
  std::string output;
  std::string split = "test";
  std::vector<std::string> tasks;
  std::string mixture;
  synth::ExportOptions options;
};

Result<int> run_synth(SynthFlags& flags) {
  GLMV_RETURN_IF_ERROR(synth::check_fonts());
  flags.options.split = flags.split == "train" ? synth::Split::kTrain : synth::Split::kTest;
  for (const std::string& name : flags.tasks) {
    GLMV_ASSIGN(const synth::Task task, synth::task_by_name(name));
    flags.options.tasks.push_back(task);
  }
  if (!flags.mixture.empty()) {
    GLMV_ASSIGN(flags.options.mixture, synth::mixture_by_name(flags.mixture));
    flags.options.split = synth::Split::kTrain;
  }
  GLMV_RETURN_IF_ERROR(synth::export_dataset(flags.output, flags.options));
  fmt::print("{}: finetune.json, eval.jsonl and images/\n", flags.output);
  return 0;
}

}  // namespace

void add_synth(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<SynthFlags>();
  command.add_option("-o,--output", flags->output, "folder to write")->required();
  command.add_option("--split", flags->split, "train or test: other seeds, fonts and wordings")
      ->check(CLI::IsMember({"train", "test"}))
      ->capture_default_str();
  command.add_option("--task", flags->tasks, "task, repeatable (default: all)");
  command.add_option("--mixture", flags->mixture, "a training mixture instead of tasks");
  command.add_option("--count", flags->options.count, "samples (of each task)")
      ->capture_default_str();
  command.add_option("--first", flags->options.first_index, "index of the first sample")
      ->capture_default_str();
  command
      .add_option("--nothink-share", flags->options.nothink_share,
                  "share of short answers without a thought")
      ->capture_default_str();
  command.add_flag("--blind", flags->options.blind,
                   "noise instead of the pictures, for measuring what a model guesses");
  command.callback([flags, &exit_code] { exit_code = report(run_synth(*flags)); });
}

}  // namespace glmv::app
