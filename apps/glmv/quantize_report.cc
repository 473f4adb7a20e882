#include "apps/glmv/quantize_report.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>

#include "apps/glmv/command.h"
#include "glmv/base/files.h"
#include "glmv/media/plot.h"
#include "glmv/media/png_writer.h"

namespace glmv::app {
namespace {

struct Mean {
  double sum = 0;
  int64_t count = 0;
  void add(double value) {
    sum += value;
    ++count;
  }
  double value() const { return count > 0 ? sum / static_cast<double>(count) : NAN; }
};

// Errors of a part of a layer, by the method and by plain rounding.
struct PartErrors {
  Mean method, rounding;
  void add(const LinearReport& linear) {
    method.add(linear.error);
    rounding.add(linear.rounding_error);
  }
};

int64_t layer_of(const LinearReport& linear) {
  constexpr std::string_view kMarker = ".layers.";
  const size_t at = linear.name.find(kMarker);
  int64_t layer = 0;
  if (at != std::string::npos) {
    const char* begin = linear.name.data() + at + kMarker.size();
    std::from_chars(begin, linear.name.data() + linear.name.size(), layer);
  }
  return layer;
}

// Lines of the plot: as many as it has colours for, beside the hidden states.
std::string kind_of(const LinearReport& linear) {
  if (linear.name.find(".experts.") != std::string::npos) return "experts";
  for (const char* name : {"o_proj", "down_proj"}) {
    if (linear.name.ends_with(name)) return name;
  }
  return linear.name.find(".self_attn.") != std::string::npos ? "q, k, v" : "gate, up";
}

Json to_json(const TokenComparison& tokens) {
  return {{"tokens", tokens.num_tokens},     {"kl_mean", tokens.kl_mean},
          {"kl_p99", tokens.kl_p99},         {"same_top_token", tokens.top1},
          {"perplexity", tokens.perplexity}, {"original_perplexity", tokens.original_perplexity}};
}

Json to_json(const QuantizeJob& job, const QuantizeSummary& summary) {
  Json linears = Json::array();
  for (const LinearReport& linear : summary.linears) {
    linears.push_back({{"name", linear.name},
                       {"error", linear.error},
                       {"rounding_error", linear.rounding_error}});
  }
  Json comparison;
  if (summary.replies) {
    comparison = {{"replies", to_json(*summary.replies)}, {"text", to_json(*summary.text)}};
  }
  return {{"method", job.layer.method},
          {"format", job.layer.format},
          {"bits", job.layer.grid.bits},
          {"group", job.layer.grid.group},
          {"zero_points", !job.layer.grid.symmetric},
          {"input_bytes", summary.input_bytes},
          {"output_bytes", summary.output_bytes},
          {"comparison", std::move(comparison)},
          {"hidden_errors", summary.hidden_errors},
          {"kept", summary.kept},
          {"rounded", summary.rounded},
          {"linears", std::move(linears)}};
}

media::PlotSeries line_of(const std::string& name, const std::map<int64_t, Mean>& errors) {
  media::PlotSeries line{.name = name, .smooth = false};
  for (const auto& [layer, error] : errors) {
    line.x.push_back(static_cast<double>(layer));
    line.y.push_back(10 * std::log10(std::max(error.value(), 1e-12)));
  }
  return line;
}

// Errors in dB over the layers: of the outputs of each kind of Linear, and of the hidden states.
Result<void> draw(const QuantizeSummary& summary, const std::filesystem::path& path) {
  std::map<std::string, std::map<int64_t, Mean>> kinds;
  for (const LinearReport& linear : summary.linears) {
    kinds[kind_of(linear)][layer_of(linear)].add(linear.error);
  }
  for (size_t i = 0; i < summary.hidden_errors.size(); ++i) {
    kinds["hidden states"][static_cast<int64_t>(i)].add(summary.hidden_errors[i]);
  }
  if (kinds.empty()) return {};
  media::Plot plot{.title = "error of the outputs by layer", .x_label = "layer", .y_label = "dB"};
  for (const auto& [kind, errors] : kinds) plot.series.push_back(line_of(kind, errors));
  GLMV_ASSIGN(const media::Image image, media::draw_plot(plot));
  return media::write_png(path, image);
}

std::string error_text(double error) {
  return std::isfinite(error) ? fmt::format("{:.3g}", error) : "-";
}

void print_row(const std::string& layer, const PartErrors& attention, const PartErrors& mlp,
               double hidden) {
  fmt::print("{:>6} {:>10} {:>10} {:>10} {:>10} {:>10}\n", layer,
             error_text(attention.method.value()), error_text(attention.rounding.value()),
             error_text(mlp.method.value()), error_text(mlp.rounding.value()), error_text(hidden));
}

void print_layers(const QuantizeJob& job, const QuantizeSummary& summary) {
  std::map<int64_t, std::pair<PartErrors, PartErrors>> layers;
  PartErrors attention, mlp;
  for (const LinearReport& linear : summary.linears) {
    const bool is_attention = linear.name.find(".self_attn.") != std::string::npos;
    auto& [layer_attention, layer_mlp] = layers[layer_of(linear)];
    (is_attention ? layer_attention : layer_mlp).add(linear);
    (is_attention ? attention : mlp).add(linear);
  }
  fmt::print("relative error of the outputs, beside that of plain rounding\n");
  fmt::print("{:>6} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "layer", "attention", "rounding", "mlp",
             "rounding", "hidden");
  for (const auto& [layer, parts] : layers) {
    const auto i = static_cast<size_t>(layer);
    print_row(std::to_string(layer), parts.first, parts.second,
              i < summary.hidden_errors.size() ? summary.hidden_errors[i] : NAN);
  }
  print_row("mean", attention, mlp, NAN);
  if (!summary.rounded.empty()) {
    fmt::print(
        stderr,
        "notice: too few rows of the samples reached {} Linears for {} (the first: {}); they "
        "were rounded. More samples help.\n",
        summary.rounded.size(), job.layer.method, summary.rounded.front());
  }
  if (!summary.kept.empty()) {
    fmt::print(stderr,
               "notice: {} Linears (the first: {}) do not divide into groups of {} or whole "
               "words and stay as they were\n",
               summary.kept.size(), summary.kept.front(), job.layer.grid.group);
  }
}

void print_tokens(const char* of, const TokenComparison& tokens) {
  fmt::print("{:<16} {:>8} {:>10.3g} {:>10.3g} {:>8.2f} % {:>10.4g} {:>10.4g}\n", of,
             tokens.num_tokens, tokens.kl_mean, tokens.kl_p99, 100 * tokens.top1, tokens.perplexity,
             tokens.original_perplexity);
}

}  // namespace

Result<void> write_report(const QuantizeJob& job, const QuantizeSummary& summary) {
  GLMV_RETURN_IF_ERROR(
      write_file_atomic(job.output / "quantize_report.json", to_json(job, summary).dump(2) + "\n"));
  return draw(summary, job.output / "quantize_report.png");
}

void print_report(const QuantizeJob& job, const QuantizeSummary& summary) {
  if (!summary.linears.empty()) print_layers(job, summary);
  if (summary.replies) {
    fmt::print("\n{:<16} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "next tokens", "count",
               "KL mean", "KL 99 %", "same top", "perplexity", "original's");
    print_tokens("of the replies", *summary.replies);
    print_tokens("of all text", *summary.text);
  }
  fmt::print("\n{}: {} of weights, before {}\n", job.output.string(),
             bytes_text(double(summary.output_bytes)), bytes_text(double(summary.input_bytes)));
}

}  // namespace glmv::app
