// glmv plan: memory and speed of a model from its config.json alone, before it is downloaded.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>

#include "apps/glmv/command.h"
#include "apps/glmv/plan_report.h"
#include "glmv/checkpoint/quant_config.h"
#include "glmv/runtime/memory_check.h"

namespace glmv::app {
namespace {

struct PlanFlags {
  std::string config;
  std::string memory;
  std::string device = "cpu";
  int64_t max_context = 0;
  int64_t max_num_seqs = 1;
  int threads = 0;
  bool measure = true;
  bool json = false;
};

// "16G", "800M": powers of 1024.
Result<int64_t> parse_bytes(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, text.data() + text.size());
  const size_t power = std::string_view("KMGT").find(unit.empty() ? '?' : unit[0]);
  const std::string_view rest = unit.substr(std::min<size_t>(unit.size(), 1));
  const bool known = unit.empty() || (power != std::string_view::npos &&
                                      (rest.empty() || rest == "B" || rest == "iB"));
  if (error != std::errc() || !known || !(value > 0) || value > 1e15) {
    return invalid_argument(
        "--memory \"{}\": write bytes, or a number with K, M, G or T, as in 16G", text);
  }
  if (!unit.empty()) value *= static_cast<double>(int64_t{1} << (10 * (power + 1)));
  if (value > 9e18) return invalid_argument("--memory \"{}\" is more than can be counted", text);
  return static_cast<int64_t>(value);
}

Result<PlanQuestion> make_question(const PlanFlags& flags) {
  GLMV_ASSIGN(std::filesystem::path path, model_folder(flags.config, hub::ModelUse::kFiles));
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) path /= "config.json";
  GLMV_ASSIGN(const Json json, read_json_file(path));
  auto config = checkpoint::parse_model_config(json);
  if (!config) return in_context(path.string(), config.error());
  PlanQuestion question{.config = std::move(*config)};
  const checkpoint::ModelConfig& model = question.config;
  GLMV_ASSIGN(const auto stored, checkpoint::parse_quant_config(model.quantization));
  question.stored_bits = stored.bits;
  const int64_t limit = model.text.max_position_embeddings;
  if (flags.max_context > limit) {
    return invalid_argument("--max-context {}: the model allows 1 to {}", flags.max_context, limit);
  }
  question.context_tokens = flags.max_context > 0 ? flags.max_context : limit;
  question.num_requests = flags.max_num_seqs;
  GLMV_ASSIGN(const auto processor, processing::read_processor_config(path.parent_path()));
  GLMV_ASSIGN(question.largest_picture, parse_picture("16384x16384", processor, model.vision));
  if (flags.memory.empty()) {
    question.memory_bytes = runtime::available_memory_bytes();
  } else {
    GLMV_ASSIGN(question.memory_bytes, parse_bytes(flags.memory));
  }
  if (flags.measure) {
    GLMV_ASSIGN(question.machine, tensor::measure_machine(flags.threads, flags.device,
                                                          tensor::MeasureEffort::kQuick));
  }
  return question;
}

Result<int> run_plan(const PlanFlags& flags) {
  GLMV_ASSIGN(const PlanQuestion question, make_question(flags));
  const std::vector<PlanRow> rows = plan_rows(question);
  if (flags.json) {
    fmt::print("{}\n",
               plan_json(question, rows).dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    print_plan(question, rows);
  }
  const bool any_fits = std::ranges::any_of(rows, &PlanRow::fits);
  return any_fits ? 0 : 1;
}

}  // namespace

void add_plan(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<PlanFlags>();
  command
      .add_option("config", flags->config, "config.json, a folder with one, or a name in the cache")
      ->required()
      ->type_name("MODEL");
  command
      .add_option("--max-context", flags->max_context, "tokens of a request (0: the model's limit)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--max-num-seqs", flags->max_num_seqs, "requests of that length at once")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command.add_option("--memory", flags->memory, "to fit into, as 16G (default: what is free here)");
  command.add_option("--threads", flags->threads, "0: all cores")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("!--no-measure", flags->measure, "no speeds: memory only");
  command.add_flag("--json", flags->json, "the same as one JSON object");
  command.footer("Exit code: 0 fits in some form, 1 in none.");
  command.callback([flags, &exit_code] { exit_code = report(run_plan(*flags)); });
}

}  // namespace glmv::app
