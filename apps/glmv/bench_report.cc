#include "apps/glmv/bench_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/glmv/command.h"
#include "apps/glmv/model_parts.h"

namespace glmv::app {
namespace {

using checkpoint::ModelConfig;

double share(double value, double limit) { return limit > 0 ? value / limit : 0; }

// Weights of the last layer but those of keys and values: only the last prompt token needs them.
int64_t last_layer_parameters(const ModelConfig& config) {
  const std::string prefix =
      fmt::format("model.language_model.layers.{}.", config.text.num_hidden_layers - 1);
  const auto once = [&prefix](std::string_view name) {
    return name.starts_with(prefix) && name.find(".k_proj.") == name.npos &&
           name.find(".v_proj.") == name.npos;
  };
  return active_layer_parameters(config, part_sizes(config, once));
}

// Of the matrix products of a prompt, in billions.
double prefill_gflop(const ModelConfig& config, int64_t num_prompt) {
  const auto active = double(active_text_parameters(config, part_sizes(config)));
  const checkpoint::TextConfig& text = config.text;
  const double n = double(num_prompt);
  // What the last prompt token alone goes through; causal attention halves the score products.
  const double once =
      double(text.vocab_size) * double(text.hidden_size) + double(last_layer_parameters(config));
  const double scores = 2.0 * n * double(text.num_attention_heads * text.head_dim);
  const double attention = n * scores * double(text.num_hidden_layers - 1) + 2.0 * scores;
  return (2.0 * n * (active - once) + 2.0 * once + attention) / 1e9;
}

double vision_gflop(const ModelConfig& config, const BenchPicture& picture) {
  std::map<Part, PartSize> sizes = part_sizes(config);
  const double patches = double(picture.grid.num_patches());
  const checkpoint::VisionConfig& vision = config.vision;
  const double scores = 4.0 * patches * patches * double(vision.hidden_size * vision.depth);
  return (2.0 * patches * double(sizes[Part::kVision].num_parameters) + scores +
          2.0 * double(picture.num_tokens) * double(sizes[Part::kProjector].num_parameters)) /
         1e9;
}

bool has_quantized_weights(const Measured& m) {
  return double(m.weight_bytes) < 1.95 * double(m.num_parameters);
}

// Of the type that the decoder's products are computed in.
double product_limit(const Measured& m) {
  if (m.dtype == "float32") return m.machine.fp32_gflops;
  const bool integer = m.activations == "int8" && has_quantized_weights(m);
  return integer && m.machine.int8_gops > 0 ? m.machine.int8_gops : m.machine.bf16_gflops;
}

Json series_json(const Series& ms, double units, const char* rate_name) {
  Json json = {{"ms", ms.values}, {"ms_min", ms.min()}, {"ms_median", ms.median()}};
  if (units > 0 && ms.min() > 0) {
    json[std::string(rate_name) + "_best"] = units / ms.min() * 1e3;
    json[std::string(rate_name) + "_median"] = units / ms.median() * 1e3;
  }
  return json;
}

Json vision_json(const Measured& m, const ModelConfig& config) {
  const double gflops = share(vision_gflop(config, *m.picture) * 1e3, m.times.vision_ms.min());
  Json vision =
      series_json(m.times.vision_ms, double(m.picture->grid.num_patches()), "patches_per_s");
  vision["width"] = m.picture->width;
  vision["height"] = m.picture->height;
  vision["grid"] = {m.picture->grid.t, m.picture->grid.h, m.picture->grid.w};
  vision["tokens"] = m.picture->num_tokens;
  vision["gflops_best"] = gflops;
  vision["share_of_product_limit"] =
      share(gflops, m.dtype == "float32" ? m.machine.fp32_gflops : m.machine.bf16_gflops);
  return vision;
}

Json record_of(const Measured& m, const ModelConfig& config, const TextTimes& text) {
  Json json = {{"version", GLMV_VERSION},
               {"model", m.dir},
               {"dtype", m.dtype},
               {"quantize", m.quantize},
               {"quantize_vision", m.quantize_vision},
               {"activations", m.activations},
               {"load_format", m.load_format},
               {"parameters", m.num_parameters},
               {"weight_bytes", m.weight_bytes},
               {"load_ms", m.load_ms},
               {"rss_after_load_bytes", m.rss_after_load},
               {"peak_rss_bytes", m.peak_rss},
               {"peak_rss_per_weight_byte", share(double(m.peak_rss), double(m.weight_bytes))},
               {"prompt_tokens", text.num_prompt},
               {"decoded_tokens", text.num_decoded}};
  const double gflops = share(prefill_gflop(config, text.num_prompt) * 1e3, text.prefill_ms.min());
  const auto bytes = double(m.token_bytes);
  const double gb_s = share(bytes * double(text.num_decoded) / 1e6, text.decode_ms.min());
  json["prefill"] = series_json(text.prefill_ms, double(text.num_prompt), "tokens_per_s");
  json["prefill"]["gflops_best"] = gflops;
  json["prefill"]["share_of_product_limit"] = share(gflops, product_limit(m));
  json["decode"] = series_json(text.decode_ms, double(text.num_decoded), "tokens_per_s");
  json["decode"]["weight_bytes_per_token"] = bytes;
  json["decode"]["gb_s_best"] = gb_s;
  json["decode"]["share_of_read_limit"] = share(gb_s, m.machine.read_gb_s);
  if (!text.step_ms.values.empty()) {
    // Its own rate, and how many times that of one sequence.
    Json together = series_json(text.step_ms, double(text.num_together), "tokens_per_s");
    together["sequences"] = text.num_together;
    together["gain"] = share(together["tokens_per_s_median"].get<double>(),
                             share(double(text.num_decoded) * 1e3, text.decode_ms.median()));
    json["together"] = std::move(together);
  }
  json["machine"] = {{"device", m.machine.device},
                     {"cpu", m.machine.cpu},
                     {"threads", m.machine.num_threads},
                     {"read_gb_s", m.machine.read_gb_s},
                     {"fp32_gflops", m.machine.fp32_gflops},
                     {"bf16_gflops", m.machine.bf16_gflops},
                     {"int8_gops", m.machine.int8_gops},
                     {"bf16_peak_gflops", m.machine.bf16_peak_gflops},
                     {"int8_peak_gops", m.machine.int8_peak_gops}};
  return json;
}

double number(const Json& json, const char* part, const char* key) {
  return json[part][key].get<double>();
}

void print_rate(const std::string& label, const Json& json, const char* rate_name, const char* unit,
                const std::string& remark) {
  std::string rates;
  if (json.contains(std::string(rate_name) + "_best")) {
    rates =
        fmt::format("{:>11.1f} {:>11.1f} {}", json[std::string(rate_name) + "_best"].get<double>(),
                    json[std::string(rate_name) + "_median"].get<double>(), unit);
  }
  fmt::print("{:<32} {:>11.1f} {:>11.1f} ms {}{}\n", label, json["ms_min"].get<double>(),
             json["ms_median"].get<double>(), rates, remark);
}

void print_text_rows(const Json& json) {
  const auto num_prompt = json["prompt_tokens"].get<int64_t>();
  const auto num_decoded = json["decoded_tokens"].get<int64_t>();
  print_rate(fmt::format("prefill, {} tokens", num_prompt), json["prefill"], "tokens_per_s",
             "tokens/s",
             fmt::format(", {:.0f} GFLOP/s: {:.0f} % of the products",
                         number(json, "prefill", "gflops_best"),
                         number(json, "prefill", "share_of_product_limit") * 100));
  if (num_decoded == 0) return;
  const double percent = number(json, "decode", "share_of_read_limit") * 100;
  print_rate(
      fmt::format("decode, {} tokens after {}", num_decoded, num_prompt), json["decode"],
      "tokens_per_s", "tokens/s",
      fmt::format(", {:.2f} GB/s: {:.0f} % of the reads{}", number(json, "decode", "gb_s_best"),
                  percent, percent > 100 ? " (the weights stay in the caches)" : ""));
  if (!json.contains("together")) return;
  const Json& together = json["together"];
  print_rate(fmt::format("{} sequences, a step", together["sequences"].get<int64_t>()), together,
             "tokens_per_s", "tokens/s",
             fmt::format(", {:.2f} times one", together["gain"].get<double>()));
}

}  // namespace

std::vector<Json> bench_records(const Measured& measured, const ModelConfig& config) {
  std::vector<Json> records;
  for (const TextTimes& text : measured.times.texts) {
    records.push_back(record_of(measured, config, text));
  }
  if (measured.picture && !records.empty()) {
    records.front()["vision"] = vision_json(measured, config);
  }
  return records;
}

void print_bench_table(const std::vector<Json>& records) {
  const Json& first = records.front();
  const Json& machine = first["machine"];
  const bool quantized = first["quantize"] != "none";
  fmt::print(
      "{}: {:.3f} M parameters, {}{}, loaded in {:.0f} ms\n", first["model"].get<std::string>(),
      first["parameters"].get<double>() / 1e6, first["dtype"].get<std::string>(),
      quantized ? fmt::format(" as {} with {} activations", first["quantize"].get<std::string>(),
                              first["activations"].get<std::string>())
                : "",
      first["load_ms"].get<double>());
  fmt::print("memory: weights {}, process {} after loading, {} at most ({:.2f} of the weights)\n",
             bytes_text(first["weight_bytes"].get<double>()),
             bytes_text(first["rss_after_load_bytes"].get<double>()),
             bytes_text(first["peak_rss_bytes"].get<double>()),
             first["peak_rss_per_weight_byte"].get<double>());
  fmt::print("{:<32} {:>11} {:>11}    {:>11} {:>11}\n", "", "best", "median", "best", "median");
  for (const Json& record : records) print_text_rows(record);
  if (first.contains("vision")) {
    const Json& vision = first["vision"];
    print_rate(fmt::format("vision, {}x{} ({} tokens)", vision["width"].get<int64_t>(),
                           vision["height"].get<int64_t>(), vision["tokens"].get<int64_t>()),
               vision, "patches_per_s", "patches/s",
               fmt::format(", {:.0f} GFLOP/s: {:.0f} %", vision["gflops_best"].get<double>(),
                           vision["share_of_product_limit"].get<double>() * 100));
  }
  const auto threads = machine["threads"].get<int>();
  fmt::print(
      "machine: {}, {} thread{}, {}: reads {:.1f} GB/s, products {:.0f} GFLOP/s fp32, {:.0f} "
      "bf16{}\n",
      machine["cpu"].get<std::string>(), threads, threads == 1 ? "" : "s",
      machine["device"].get<std::string>(), machine["read_gb_s"].get<double>(),
      machine["fp32_gflops"].get<double>(), machine["bf16_gflops"].get<double>(),
      machine["int8_gops"].get<double>() > 0
          ? fmt::format(" (in registers {:.0f}), {:.0f} int8",
                        machine["bf16_peak_gflops"].get<double>(),
                        machine["int8_gops"].get<double>())
          : "");
}

}  // namespace glmv::app
