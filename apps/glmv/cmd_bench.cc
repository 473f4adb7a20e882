// glmv bench: speed and memory of a model, beside what this machine can do at most.

#include <fmt/format.h>
#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "apps/glmv/bench_compare.h"
#include "apps/glmv/bench_report.h"
#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/model_parts.h"
#include "glmv/base/files.h"

namespace glmv::app {
namespace {

using checkpoint::ModelConfig;

struct BenchFlags {
  ModelFlags model;
  BenchPlan plan;
  std::string image = "1024x1024";
  std::string json;
  std::vector<std::string> compare;
};

// Largest resident size so far.
int64_t peak_rss_bytes() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

Result<void> check_flags(const BenchFlags& flags, const ModelConfig& config, int64_t context) {
  const BenchPlan& plan = flags.plan;
  if (plan.prompts.empty() || std::ranges::min(plan.prompts) < 1 || plan.num_generated < 1 ||
      plan.num_runs < 1 || plan.num_together < 1) {
    return invalid_argument("--prompt, --gen, --together and --runs must be at least 1");
  }
  const int64_t longest = std::ranges::max(plan.prompts);
  if (longest > context || plan.num_generated > context - longest) {
    return invalid_argument(
        "--prompt {} and --gen {} do not fit in a context of {} tokens (the "
        "model's is {})",
        longest, plan.num_generated, context, config.text.max_position_embeddings);
  }
  const std::optional<BenchPicture>& picture = plan.picture;
  if (picture && picture->num_tokens + 2 > context) {
    return invalid_argument(
        "a picture of {}x{} has {} tokens, the context holds {}: name a "
        "smaller --image, or none",
        picture->width, picture->height, picture->num_tokens, context);
  }
  return {};
}

// As "auto" resolves: the element size tells what was loaded.
std::string loaded_dtype(const BenchFlags& flags, int64_t weight_bytes, int64_t num_parameters) {
  const std::string& asked = flags.model.engine.dtype;
  const double bytes = double(weight_bytes) / double(std::max<int64_t>(num_parameters, 1));
  if (asked == "fp16" || asked == "float16") return "float16";
  return bytes > 3 || asked == "fp32" || asked == "float32" ? "float32" : "bfloat16";
}

Result<Measured> measure(const BenchFlags& flags, const runtime::EngineOptions& options,
                         const ModelConfig& config) {
  Measured measured{.dir = options.model_dir.string(),
                    .load_format = flags.model.engine.load_format,
                    .quantize = options.quantize,
                    .quantize_vision = options.quantize_vision,
                    .activations = options.activations,
                    .picture = flags.plan.picture};
  {
    GLMV_ASSIGN(const auto engine, runtime::Engine::load(options, {}));
    measured.load_ms = engine->load_ms();
    measured.weight_bytes = engine->weight_bytes();
    measured.token_bytes = engine->weight_bytes_per_token();
    measured.rss_after_load = peak_rss_bytes();
    GLMV_ASSIGN(measured.times, run_bench(*engine, flags.plan));
    measured.peak_rss = peak_rss_bytes();
  }
  measured.num_parameters = num_parameters(part_sizes(config));
  measured.dtype = loaded_dtype(flags, measured.weight_bytes, measured.num_parameters);
  GLMV_ASSIGN(measured.machine, tensor::measure_machine(options.num_threads, options.device));
  return measured;
}

// The records, each with a "compare" of its own when other results were named.
Json with_comparisons(std::vector<Json> records, const std::vector<BenchResults>& others) {
  for (const BenchResults& other : others) {
    for (Json& record : records) {
      Json rows = compare_results({record}, other);
      if (!rows.empty()) record["compare"][other.name] = std::move(rows);
    }
  }
  return records.size() == 1 ? std::move(records.front()) : Json(std::move(records));
}

Result<int> run_bench_command(BenchFlags flags) {
  GLMV_ASSIGN(runtime::EngineOptions options, engine_options(flags.model));
  GLMV_ASSIGN(const ModelConfig config, checkpoint::read_model_config(options.model_dir));
  GLMV_ASSIGN(const processing::ProcessorConfig processor,
              processing::read_processor_config(options.model_dir));
  GLMV_ASSIGN(flags.plan.picture, parse_picture(flags.image, processor, config.vision));
  const int64_t limit = config.text.max_position_embeddings;
  const int64_t context = options.max_context_tokens > 0 ? options.max_context_tokens : limit;
  GLMV_RETURN_IF_ERROR(check_flags(flags, config, context));
  std::vector<BenchResults> others;  // read first: a wrong file costs no measurement
  for (const std::string& path : flags.compare) {
    GLMV_ASSIGN(BenchResults other, read_bench_results(path));
    others.push_back(std::move(other));
  }
  catch_interrupts();
  options.prefix_cache = false;  // every run reads its prompt
  options.max_running_requests = std::max(options.max_running_requests, flags.plan.num_together);
  options.decode_batch = options.max_running_requests;
  if (options.draft_tokens == runtime::kAutoDrafts) options.draft_tokens = 0;  // steps of one token
  GLMV_ASSIGN(const Measured measured, measure(flags, options, config));
  const std::vector<Json> records = bench_records(measured, config);
  const std::string text =
      with_comparisons(records, others).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (flags.json == "-") {
    fmt::print("{}", text);
    return 0;
  }
  print_bench_table(records);
  for (const BenchResults& other : others) {
    fmt::print("\n{}", comparison_text(compare_results(records, other), other));
  }
  if (!flags.json.empty()) GLMV_RETURN_IF_ERROR(write_file_atomic(flags.json, text));
  return 0;
}

}  // namespace

void add_bench(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<BenchFlags>();
  add_model_flags(command, flags->model);
  const std::string group = "Measurement";
  command
      .add_option("--prompt", flags->plan.prompts, "prompt tokens, or several lengths: 512,2048")
      ->delimiter(',')
      ->capture_default_str()
      ->group(group);
  command.add_option("--gen", flags->plan.num_generated, "tokens to generate")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--together", flags->plan.num_together,
                  "sequences to decode together as well, beside one alone")
      ->capture_default_str()
      ->group(group);
  command.add_option("--image", flags->image, "WIDTHxHEIGHT of the picture, or none")
      ->capture_default_str()
      ->group(group);
  command.add_option("--runs", flags->plan.num_runs, "best and median of these, after a warm-up")
      ->capture_default_str()
      ->group(group);
  command.add_option("--json", flags->json, "also as JSON: a file, or - for JSON only")
      ->group(group);
  command
      .add_option("--compare", flags->compare,
                  "results of other runs (files of --json) to show beside this one")
      ->delimiter(',')
      ->group(group);
  command.callback([flags, &exit_code] { exit_code = report(run_bench_command(*flags)); });
}

}  // namespace glmv::app
