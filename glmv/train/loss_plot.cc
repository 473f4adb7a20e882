#include "glmv/train/loss_plot.h"

#include "glmv/media/plot.h"
#include "glmv/media/png_writer.h"

namespace glmv::train {
namespace {

media::PlotSeries series_of(std::span<const Json> entries, const char* key, bool smooth) {
  media::PlotSeries series{.name = key, .smooth = smooth};
  for (const Json& entry : entries) {
    const auto step = entry.find("current_steps");
    const auto value = entry.find(key);
    if (step == entry.end() || value == entry.end() || !step->is_number() || !value->is_number()) {
      continue;
    }
    series.x.push_back(step->get<double>());
    series.y.push_back(value->get<double>());
  }
  return series;
}

}  // namespace

Result<void> draw_loss_plot(std::span<const Json> entries, const std::filesystem::path& path) {
  media::Plot plot{.title = "Training loss", .x_label = "step", .y_label = "loss"};
  plot.series.push_back(series_of(entries, "loss", /*smooth=*/true));
  if (plot.series.front().x.size() < 2) return {};
  media::PlotSeries eval = series_of(entries, "eval_loss", /*smooth=*/false);
  if (!eval.x.empty()) plot.series.push_back(std::move(eval));
  GLMV_ASSIGN(const media::Image image, media::draw_plot(plot));
  return media::write_png(path, image);
}

}  // namespace glmv::train
