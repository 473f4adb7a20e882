// glmv quantize: a BF16 checkpoint with 4- or 8-bit weights.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>

#include "apps/glmv/command.h"
#include "apps/glmv/quantize_report.h"
#include "apps/glmv/quantize_run.h"
#include "apps/glmv/sample_sources.h"
#include "glmv/base/texts.h"

namespace glmv::app {
namespace {

using Clock = std::chrono::steady_clock;

struct QuantizeFlags {
  std::string input;
  std::string output;
  std::string method = "awq";
  std::string format = "awq";
  int bits = 4;
  int64_t group = 128;
  bool zero_points = false;
  std::string data;
  std::string media_dir;
  std::string synth;
  std::string eval_data;
  int64_t num_samples = 64;
  int64_t num_eval_samples = 16;
  int64_t max_tokens = 2048;
  bool quiet = false;
};

Result<Source> open_samples(const QuantizeFlags& flags) {
  if (!flags.data.empty() && !flags.synth.empty()) {
    return invalid_argument("name the calibration samples once: --data FILE or --synth MIXTURE");
  }
  if (!flags.data.empty()) {
    return open_dataset(flags.data, {.media_dir = flags.media_dir});
  }
  if (!flags.synth.empty()) return open_synth(flags.synth, 0, int64_t{1} << 30, false);
  if (flags.method != "rtn") {
    return invalid_argument(
        "--method {} needs calibration samples: --data FILE with conversations "
        "like those the model will see, or --synth MIXTURE",
        flags.method);
  }
  return nullptr;
}

Result<int> run_quantize(const QuantizeFlags& flags) {
  if (flags.method != "rtn" && flags.method != "gptq" && flags.method != "awq") {
    return invalid_argument("unknown method \"{}\"; known: rtn, gptq, awq", flags.method);
  }
  GLMV_ASSIGN(const auto samples, open_samples(flags));
  GLMV_ASSIGN(const std::filesystem::path input, model_folder(flags.input));
  QuantizeJob job{.input = input, .output = flags.output};
  job.layer.method = flags.method;
  job.layer.format = flags.format;
  job.layer.grid = {.bits = flags.bits,
                    .group = flags.group,
                    .symmetric = flags.format != "awq" && !flags.zero_points,
                    .scale_dtype = flags.format == "awq" ? at::kHalf : at::kBFloat16};
  Source eval_samples;
  if (!flags.eval_data.empty()) {
    GLMV_ASSIGN(eval_samples, open_dataset(flags.eval_data, {.media_dir = flags.media_dir}));
  }
  job.samples = samples.get();
  job.eval_samples = eval_samples.get();
  job.num_samples = flags.num_samples;
  job.num_eval_samples = flags.num_eval_samples;
  job.max_tokens = flags.max_tokens;
  job.fingerprint = {{"input", input.string()},
                     {"method", flags.method},
                     {"format", flags.format},
                     {"bits", flags.bits},
                     {"group", flags.group},
                     {"zero_points", flags.zero_points},
                     {"data", flags.data},
                     {"synth", flags.synth},
                     {"eval_data", flags.eval_data},
                     {"samples", flags.num_samples},
                     {"eval_samples", flags.num_eval_samples},
                     {"max_tokens", flags.max_tokens}};
  catch_interrupts();
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const Clock::time_point start = Clock::now();
  job.on_progress = [&](int64_t done, int64_t total, const std::string& what) {
    if (flags.quiet) return !interrupted();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const std::string left =
        done > 0
            ? tr_format(", {} left", duration_text(seconds / double(done) * double(total - done)))
            : std::string();
    const std::string layer = tr_format("layer {} of {}", done, total) + left;
    if (terminal) {
      fmt::print(stderr, "\r\033[K{}{}", layer, what.empty() ? "" : ": " + what);
    } else if (what.empty()) {
      fmt::print(stderr, "{}\n", layer);
    }
    return !interrupted();
  };
  GLMV_ASSIGN(const QuantizeSummary summary, quantize_checkpoint(job));
  if (terminal && !flags.quiet) fmt::print(stderr, "\r\033[K");
  if (summary.stopped) {
    fmt::print(stderr, "{}\n", tr("stopped; the same command goes on from here"));
    return kExitInterrupted;
  }
  if (summary.num_resumed > 0) {
    fmt::print(stderr, "{}\n",
               tr_format("{} layers were done in an earlier run", summary.num_resumed));
  }
  GLMV_RETURN_IF_ERROR(write_report(job, summary));
  print_report(job, summary);
  return 0;
}

}  // namespace

void add_quantize(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<QuantizeFlags>();
  command
      .add_option("input", flags->input,
                  "checkpoint folder in BF16, F16 or F32, or a name in the cache")
      ->required()
      ->type_name("MODEL");
  command.add_option("-o,--output", flags->output, "folder to write")->required();
  command.add_option("--method", flags->method, "awq, gptq, or rtn (rounding, no samples needed)")
      ->capture_default_str();
  command.add_option("--format", flags->format, "awq (AutoAWQ) or compressed-tensors")
      ->capture_default_str();
  command.add_option("--bits", flags->bits, "4 or 8")->capture_default_str();
  command.add_option("--group", flags->group, "inputs that share a scale; 0: whole rows")
      ->capture_default_str();
  command.add_flag(
      "--zero-points", flags->zero_points,
      "with compressed-tensors too; smaller error, but transformers 5.23 cannot read it");
  const std::string data = "Calibration";
  command.add_option("--data", flags->data, "dataset file, as for train")->group(data);
  command.add_option("--media-dir", flags->media_dir, "where its relative media paths begin")
      ->group(data);
  command.add_option("--synth", flags->synth, "generated pictures instead: name of a mixture")
      ->group(data);
  command
      .add_option("--eval-data", flags->eval_data,
                  "dataset file for the comparison; else what follows the calibration samples")
      ->group(data);
  command.add_option("--samples", flags->num_samples, "samples to calibrate on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(data);
  command
      .add_option("--eval-samples", flags->num_eval_samples,
                  "samples for the comparison with the original")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(data);
  command.add_option("--max-tokens", flags->max_tokens, "longer samples are left out")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(data);
  command.add_flag("-q,--quiet", flags->quiet, "no progress");
  command.callback([flags, &exit_code] { exit_code = report(run_quantize(*flags)); });
}

}  // namespace glmv::app
