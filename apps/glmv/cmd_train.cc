// glmv train: full fine-tuning on dataset files or on generated pictures.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <thread>

#include "apps/glmv/command.h"
#include "apps/glmv/sample_sources.h"
#include "glmv/base/texts.h"
#include "glmv/train/trainer.h"

namespace glmv::app {
namespace {

struct TrainFlags {
  train::TrainOptions options;
  std::string data;
  std::string eval_data;
  std::string synth;
  uint64_t synth_first = 0;
  int64_t synth_samples = 1 << 30;
  bool quiet = false;
};

Result<Source> open_source(const TrainFlags& flags) {
  if (flags.data.empty() == flags.synth.empty()) {
    return invalid_argument("name the training data: either --data FILE or --synth MIXTURE");
  }
  if (!flags.data.empty()) return open_dataset(flags.data, flags.options.data);
  return open_synth(flags.synth, flags.synth_first, flags.synth_samples,
                    flags.options.encode.objective == "visual-words");
}

// Turns the interrupt into the trainer's stop flag; signal handlers cannot reach an atomic that
// lives on a stack.
class StopOnInterrupt {
 public:
  StopOnInterrupt() {
    catch_interrupts();
    thread_ = std::jthread([this](std::stop_token done) {
      while (!done.stop_requested()) {
        if (interrupted() && !flag_.exchange(true)) {
          fmt::print(stderr, "\n{}\n",
                     tr("stopping after this step and a save; Ctrl-C again ends at once"));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
  }
  const std::atomic<bool>* flag() const { return &flag_; }

 private:
  std::atomic<bool> flag_ = false;
  std::jthread thread_;
};

train::TrainCallbacks callbacks(const TrainFlags& flags) {
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const int64_t every = std::max<int64_t>(flags.options.log_every, 1);
  train::TrainCallbacks result;
  result.on_step = [=, quiet = flags.quiet](const train::StepReport& report) {
    if (quiet) return;
    if (terminal) {
      fmt::print(stderr, "\r\033[K{}", train::progress_line(report));
    } else if (report.step % every == 0 || report.step == report.total_steps) {
      fmt::print(stderr, "{}\n", train::progress_line(report));
    }
  };
  const std::string clear = terminal ? "\r\033[K" : "";
  result.on_eval = [=](const train::EvalReport& report) {
    fmt::print(stderr, "{}{}\n", clear,
               tr_format("step {}: eval loss {:.4f}, token accuracy {:.1f} %", report.step,
                         report.loss, 100 * report.accuracy));
  };
  result.on_checkpoint = [=](const std::filesystem::path& path, int64_t) {
    fmt::print(stderr, "{}{}\n", clear, tr_format("saved {}", path.string()));
  };
  result.on_warning = [=](const std::string& text) {
    fmt::print(stderr, "{}{}\n", clear, tr_format("warning: {}", text));
  };
  return result;
}

Result<int> run_train(TrainFlags& flags) {
  GLMV_ASSIGN(const std::filesystem::path model, model_folder(flags.options.model_dir));
  flags.options.model_dir = model.string();
  GLMV_ASSIGN(const Source source, open_source(flags));
  Source eval;
  if (!flags.eval_data.empty()) {
    GLMV_ASSIGN(eval, open_dataset(flags.eval_data, flags.options.data));
  }
  GLMV_ASSIGN(train::Trainer trainer,
              train::Trainer::create(flags.options, *source, eval.get(), callbacks(flags)));
  fmt::print(
      stderr, "{}{}\n",
      tr_format("{:.2f} M parameters, {:.2f} M trained, {} steps", trainer.num_parameters() / 1e6,
                trainer.num_trainable() / 1e6, trainer.total_steps()),
      trainer.resumed_from()
          ? " " + tr_format("(resumed from {})", trainer.resumed_from()->string())
          : std::string());
  const StopOnInterrupt stop;
  GLMV_ASSIGN(const train::TrainSummary summary, trainer.run(stop.flag()));
  fmt::print(stderr, "\n{}\n",
             tr_format("{} of {} steps done, loss {:.4f}; checkpoint: {}", summary.step,
                       summary.total_steps, summary.loss, summary.checkpoint.string()));
  return summary.stopped ? kExitInterrupted : 0;
}

}  // namespace

void add_train(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<TrainFlags>();
  command.add_option("--data", flags->data, "dataset file: JSON or JSON Lines, README format")
      ->group("Data");
  command.add_option("--eval-data", flags->eval_data, "dataset file for evaluation")->group("Data");
  command.add_option("--synth", flags->synth, "generated pictures: name of a mixture")
      ->group("Data");
  command.add_option("--synth-first", flags->synth_first, "index of the first generated sample")
      ->capture_default_str()
      ->group("Data");
  command.add_option("--synth-samples", flags->synth_samples, "number of generated samples")
      ->capture_default_str()
      ->group("Data");
  command.add_flag("-q,--quiet", flags->quiet, "no progress line");
  train::register_options(command, flags->options);
  command.callback([flags, &exit_code] { exit_code = report(run_train(*flags)); });
}

}  // namespace glmv::app
