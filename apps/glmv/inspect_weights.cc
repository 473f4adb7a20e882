// Tensors on disk against config.json: parts, dtypes, memory.

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "apps/glmv/command.h"
#include "apps/glmv/inspect_report.h"
#include "apps/glmv/model_parts.h"
#include "apps/glmv/tensor_audit.h"
#include "glmv/checkpoint/gguf_weights.h"
#include "glmv/checkpoint/quant_config.h"
#include "glmv/runtime/memory_check.h"

namespace glmv::app {
namespace {

using checkpoint::ModelConfig;
using checkpoint::Weights;

constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr int64_t kCacheStepTokens = 1024;

// "a, b, c and 7 more".
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  const auto num_shown = static_cast<ptrdiff_t>(std::min(names.size(), kShown));
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + num_shown, ", "));
  if (names.size() > kShown) {
    text += fmt::format(" and {} more (all with --json)", names.size() - kShown);
  }
  return text;
}

void report_missing_shards(const std::filesystem::path& dir, InspectReport& report) {
  const Result<Json> index = read_json_file(dir / kIndexFile);
  if (!index || !index->is_object() || !index->contains("weight_map")) return;
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : (*index)["weight_map"].items()) {
    if (shard.is_string()) shards.insert(shard.get<std::string>());
  }
  std::vector<std::string> missing;
  std::error_code error;
  for (const std::string& shard : shards) {
    if (!std::filesystem::exists(dir / shard, error)) missing.push_back(shard);
  }
  if (missing.size() < 2) return;  // the first one is reported already
  report.error(fmt::format("{} of {} shards are missing: {}", missing.size(), shards.size(),
                           some_of(missing)));
}

// The readable ones of the model's files, where open_weights() gave up.
Weights readable_files(const std::filesystem::path& dir, const ModelConfig& config,
                       const std::string& known_error, InspectReport& report) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  Weights weights;
  for (const std::filesystem::path& path : paths) {
    const auto file = checkpoint::open_safetensors(path);
    if (!file) {
      if (file.error().message != known_error) report.error(file.error().message);
      continue;
    }
    weights.files.push_back(path);
    for (const auto& [name, view] : file->tensors) {
      std::string canonical = checkpoint::canonical_name(name, config);
      if (canonical.empty()) {
        weights.ignored.push_back(name);
      } else if (weights.tensors.emplace(std::move(canonical), view).second) {
        weights.total_bytes += static_cast<int64_t>(view.data.size());
      }
    }
  }
  return weights;
}

Weights open_what_is_there(const std::filesystem::path& dir,
                           const std::optional<ModelConfig>& config, InspectReport& report) {
  ModelConfig any;  // without a config no layer can be told to be an MTP layer
  any.text.num_hidden_layers = int64_t{1} << 40;
  const ModelConfig& used = config ? *config : any;
  auto weights = checkpoint::open_weights(dir, used);
  if (weights) return std::move(*weights);
  const std::string message = weights.error().message;
  report.error(message);
  report_missing_shards(dir, report);
  return readable_files(dir, used, message, report);
}

void report_list(const char* what, const std::vector<std::string>& names, bool fatal, Json& json,
                 InspectReport& report) {
  json = names;
  if (names.empty()) return;
  report.problems.push_back(
      {fatal, fmt::format("{} tensor{} {}: {}", names.size(), names.size() == 1 ? "" : "s", what,
                          some_of(names))});
}

void report_audit(const TensorAudit& audit, InspectReport& report) {
  Json& json = report.data["tensors"];
  report_list("missing", audit.missing, true, json["missing"], report);
  report_list("unexpected (ignored when loading)", audit.unexpected, false, json["unexpected"],
              report);
  json["wrong"] = audit.wrong;
  constexpr size_t kShown = 8;
  for (size_t i = 0; i < std::min(audit.wrong.size(), kShown); ++i) report.error(audit.wrong[i]);
  if (audit.wrong.size() > kShown) {
    report.error(
        fmt::format("{} more tensors do not fit (all with --json)", audit.wrong.size() - kShown));
  }
}

void describe_parts(const std::optional<ModelConfig>& config, const Weights& weights,
                    InspectReport& report) {
  std::map<Part, int64_t> bytes, elements;
  for (const auto& [name, view] : weights.tensors) {
    if (const auto part = part_of(name)) {
      bytes[*part] += static_cast<int64_t>(view.data.size());
      elements[*part] += view.numel();
    }
  }
  std::map<Part, PartSize> sizes;
  if (config) sizes = part_sizes(*config);
  int64_t total = 0;
  Json& json = report.data["parts"] = Json::object();
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Part part : kParts) {
    // Without a config the files alone say how large a part is.
    const int64_t parameters = config ? sizes[part].num_parameters : elements[part];
    if (parameters == 0 && bytes[part] == 0) continue;
    total += parameters;
    json[std::string(part_name(part))] = {{"parameters", parameters}, {"bytes", bytes[part]}};
    rows.emplace_back(
        "", fmt::format("{:<11}{:>14.3f} M{:>12}", part_name(part), double(parameters) / 1e6,
                        bytes[part] > 0 ? bytes_text(double(bytes[part])) : "-"));
  }
  report.data["parameters"] = total;
  std::string line = fmt::format("{:.3f} M", double(total) / 1e6);
  if (config && config->text.moe) {
    const int64_t active = active_text_parameters(*config, sizes);
    report.data["active_text_parameters"] = active;
    line += fmt::format(", {:.3f} M of the decoder active per token", double(active) / 1e6);
  }
  report.row("parameters", std::move(line));
  report.rows.insert(report.rows.end(), rows.begin(), rows.end());
}

// The loader takes one layer behind the last for an MTP layer; those have tensors of their own.
void check_skipped_layer(const Weights& weights, const ModelConfig& config, InspectReport& report) {
  const auto is_mtp = [](const std::string& name) {
    return name.find("eh_proj") != std::string::npos || name.find("enorm") != std::string::npos ||
           name.find("shared_head") != std::string::npos;
  };
  const auto is_layer = [](const std::string& name) { return name.ends_with("q_proj.weight"); };
  const auto layer = std::ranges::find_if(weights.ignored, is_layer);
  if (layer == weights.ignored.end() || std::ranges::any_of(weights.ignored, is_mtp)) return;
  report.warning(
      fmt::format("\"{}\" and its layer are skipped, as config.json has "
                  "num_hidden_layers {}, but it is no MTP layer: the config may belong "
                  "to another checkpoint",
                  *layer, config.text.num_hidden_layers));
}

void describe_files(const Weights& weights, InspectReport& report) {
  std::map<std::string, int64_t> num_of_dtype;
  for (const auto& [name, view] : weights.tensors) {
    ++num_of_dtype[std::string(checkpoint::dtype_name(view.dtype))];
  }
  report.data["tensors"] = {{"count", weights.tensors.size()},
                            {"files", weights.files.size()},
                            {"bytes", weights.total_bytes},
                            {"dtypes", num_of_dtype},
                            {"ignored", weights.ignored}};
  std::vector<std::string> dtypes;
  for (const auto& [dtype, num] : num_of_dtype) dtypes.push_back(fmt::format("{} {}", num, dtype));
  std::string line =
      fmt::format("{} in {} file{}, {}", weights.tensors.size(), weights.files.size(),
                  weights.files.size() == 1 ? "" : "s", bytes_text(double(weights.total_bytes)));
  if (!dtypes.empty()) line += fmt::format(": {}", fmt::join(dtypes, ", "));
  if (!weights.ignored.empty()) {
    line += fmt::format("; {} of parts not used here (MTP layers, inv_freq) skipped",
                        weights.ignored.size());
  }
  report.row("tensors", std::move(line));
}

// Hugging Face's name of the dtype that "auto" computes in.
std::string compute_dtype(const ModelConfig& config, const Weights& weights) {
  if (!config.quantization.is_null() && !weights.is_gguf) return "bfloat16";
  const auto it = weights.tensors.find("model.language_model.embed_tokens.weight");
  if (weights.is_gguf) {
    const bool fp32 = it != weights.tensors.end() && it->second.dtype == checkpoint::DType::kF32;
    return fp32 ? "float32" : "bfloat16";
  }
  if (it == weights.tensors.end()) return config.dtype.empty() ? "bfloat16" : config.dtype;
  switch (it->second.dtype) {
    case checkpoint::DType::kBF16:
      return "bfloat16";
    case checkpoint::DType::kF16:
      return "float16";
    case checkpoint::DType::kF64:
      return "float64";
    default:
      return "float32";
  }
}

void describe_memory(const std::filesystem::path& dir, bool is_gguf, const ModelConfig& config,
                     const std::string& dtype, InspectReport& report) {
  const int64_t element_bytes = dtype == "float64" ? 8 : dtype == "float32" ? 4 : 2;
  const int64_t context = config.text.max_position_embeddings;
  const auto quantization = checkpoint::parse_quant_config(config.quantization);
  const int bits = is_gguf        ? checkpoint::gguf_linear_bits(dir, {}).value_or(0)
                   : quantization ? quantization->bits
                                  : 0;
  const auto need = runtime::memory_need(config, element_bytes, context, bits);
  const auto step = runtime::memory_need(config, element_bytes, kCacheStepTokens, bits);
  const auto available = runtime::available_memory_bytes();
  report.data["memory"] = {{"dtype", dtype},
                           {"weights_bytes", need.weights_bytes},
                           {"cache_bytes_per_1024_tokens", step.cache_bytes},
                           {"work_bytes", need.work_bytes},
                           {"total_bytes_at_context_limit", need.total_bytes()},
                           {"available_bytes", available ? Json(*available) : Json()}};
  std::string line =
      fmt::format("{}: weights {}, cache {} per {} tokens, {} at the context limit", dtype,
                  bytes_text(double(need.weights_bytes)), bytes_text(double(step.cache_bytes)),
                  kCacheStepTokens, bytes_text(double(need.total_bytes())));
  if (available) line += fmt::format(" ({} available now)", bytes_text(double(*available)));
  report.row("memory", std::move(line));
}

}  // namespace

void inspect_weights(const std::filesystem::path& dir, const std::optional<ModelConfig>& config,
                     InspectReport& report) {
  const Weights weights = open_what_is_there(dir, config, report);
  describe_files(weights, report);
  describe_parts(config, weights, report);
  if (!config) return;
  const std::string dtype = compute_dtype(*config, weights);
  describe_memory(dir, weights.is_gguf, *config, dtype, report);
  if (weights.tensors.empty()) return;
  const bool is_float = config->quantization.is_null() && !weights.is_gguf;
  if (is_float && !config->dtype.empty() && config->dtype != dtype) {
    report.warning(
        fmt::format("config.json says {}, but the weights are {}; computed in {} unless "
                    "--dtype says otherwise",
                    config->dtype, dtype, dtype));
  }
  report_audit(audit_tensors(weights, *config), report);
  check_skipped_layer(weights, *config, report);
}

}  // namespace glmv::app
