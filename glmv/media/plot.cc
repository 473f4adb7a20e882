#include "glmv/media/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "glmv/media/canvas.h"

namespace glmv::media {
namespace {

constexpr double kFontPx = 14.0;
constexpr double kTitleBase = 34.0;  // of the title's letters; the legend follows, then the frame
constexpr double kLegendRow = kFontPx + 6.0;
constexpr double kLegendSample = 30.0;  // the piece of line before a name, with the gap behind it
constexpr double kLegendGap = 18.0;
constexpr size_t kMostMarked = 40;  // longer series show no single points
constexpr double kRawAlpha = 0.4;
constexpr int kMinSide = 200;
constexpr int kMaxSide = 8192;

// Distinguishable also without colour vision (Okabe and Ito's palette).
constexpr Color kSeriesColors[] = {{0.0, 0.447, 0.698}, {0.835, 0.369, 0.0},
                                   {0.0, 0.620, 0.451}, {0.800, 0.475, 0.655},
                                   {0.902, 0.624, 0.0}, {0.337, 0.706, 0.914}};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Something to draw also for no value or a single one.
  void widen(double fraction) {
    if (low > high) low = 0.0, high = 1.0;
    if (low == high) {
      const double pad = low == 0.0 ? 1.0 : std::abs(low) * 0.1;
      low -= pad;
      high += pad;
    }
    const double pad = (high - low) * fraction;
    low -= pad;
    high += pad;
  }
};

struct Frame {
  double left, top, right, bottom;  // pixels
  Range x, y;

  double px(double value) const {
    return left + (value - x.low) / (x.high - x.low) * (right - left);
  }
  double py(double value) const {
    return bottom - (value - y.low) / (y.high - y.low) * (bottom - top);
  }
};

double text_width(Canvas& canvas, const std::string& text, double size) {
  canvas.set_font(text, size);
  cairo_text_extents_t extents;
  cairo_text_extents(canvas.cairo(), text.c_str(), &extents);
  return extents.x_advance;
}

// align: 0 left, 0.5 centre, 1 right of x; y is the base line.
void draw_text(Canvas& canvas, const std::string& text, double x, double y, double align,
               double size = kFontPx) {
  const double width = text_width(canvas, text, size);
  cairo_move_to(canvas.cairo(), x - align * width, y);
  cairo_show_text(canvas.cairo(), text.c_str());
  cairo_new_path(canvas.cairo());
}

void draw_line(Canvas& canvas, double x1, double y1, double x2, double y2) {
  cairo_move_to(canvas.cairo(), x1, y1);
  cairo_line_to(canvas.cairo(), x2, y2);
  cairo_stroke(canvas.cairo());
}

std::string tick_text(double value) {
  if (std::abs(value) < 1e-12) return "0";
  return fmt::format("{:.6g}", value);
}

void draw_axes(Canvas& canvas, const Plot& plot, const Frame& frame) {
  cairo_set_line_width(canvas.cairo(), 1.0);
  for (double tick : tick_positions(frame.y.low, frame.y.high, 6)) {
    const double y = std::round(frame.py(tick)) + 0.5;
    canvas.set_color({0.88, 0.88, 0.88});
    draw_line(canvas, frame.left, y, frame.right, y);
    canvas.set_color({0.2, 0.2, 0.2});
    draw_text(canvas, tick_text(tick), frame.left - 8, y + kFontPx * 0.35, 1.0);
  }
  for (double tick : tick_positions(frame.x.low, frame.x.high, 8)) {
    const double x = std::round(frame.px(tick)) + 0.5;
    canvas.set_color({0.2, 0.2, 0.2});
    draw_line(canvas, x, frame.bottom, x, frame.bottom + 5);
    draw_text(canvas, tick_text(tick), x, frame.bottom + 8 + kFontPx, 0.5);
  }
  canvas.set_color({0.2, 0.2, 0.2});
  draw_line(canvas, frame.left, frame.bottom + 0.5, frame.right, frame.bottom + 0.5);
  draw_line(canvas, frame.left + 0.5, frame.top, frame.left + 0.5, frame.bottom);
  draw_text(canvas, plot.title, plot.width / 2.0, kTitleBase, 0.5, kFontPx * 1.25);
  draw_text(canvas, plot.x_label, (frame.left + frame.right) / 2, plot.height - 12.0, 0.5);
  cairo_save(canvas.cairo());
  cairo_translate(canvas.cairo(), kFontPx + 8, (frame.top + frame.bottom) / 2);
  cairo_rotate(canvas.cairo(), -std::numbers::pi / 2);
  draw_text(canvas, plot.y_label, 0, 0, 0.5);
  cairo_restore(canvas.cairo());
}

void draw_curve(Canvas& canvas, const Frame& frame, const std::vector<double>& x,
                const std::vector<double>& y) {
  bool pen_down = false;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) {
      pen_down = false;
      continue;
    }
    if (pen_down) {
      cairo_line_to(canvas.cairo(), frame.px(x[i]), frame.py(y[i]));
    } else {
      cairo_move_to(canvas.cairo(), frame.px(x[i]), frame.py(y[i]));
      // A point with gaps on both sides still shows, thanks to the round cap.
      cairo_line_to(canvas.cairo(), frame.px(x[i]), frame.py(y[i]));
    }
    pen_down = true;
  }
  cairo_stroke(canvas.cairo());
}

void draw_points(Canvas& canvas, const Frame& frame, const PlotSeries& series, Color color) {
  canvas.set_color(color);
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) continue;
    cairo_arc(canvas.cairo(), frame.px(series.x[i]), frame.py(series.y[i]), 3.5, 0,
              2 * std::numbers::pi);
    cairo_fill(canvas.cairo());
  }
}

void draw_series(Canvas& canvas, const Frame& frame, const PlotSeries& series, Color color) {
  cairo_save(canvas.cairo());
  cairo_rectangle(canvas.cairo(), frame.left, frame.top, frame.right - frame.left,
                  frame.bottom - frame.top);
  cairo_clip(canvas.cairo());
  cairo_set_line_join(canvas.cairo(), CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_cap(canvas.cairo(), CAIRO_LINE_CAP_ROUND);
  cairo_set_line_width(canvas.cairo(), series.smooth ? 1.5 : 2.0);
  canvas.set_color(color, series.smooth ? kRawAlpha : 1.0);
  draw_curve(canvas, frame, series.x, series.y);
  if (series.smooth) {
    cairo_set_line_width(canvas.cairo(), 2.0);
    canvas.set_color(color);
    draw_curve(canvas, frame, series.x, smoothed(series.y));
  }
  cairo_restore(canvas.cairo());
  if (!series.smooth && series.x.size() <= kMostMarked) draw_points(canvas, frame, series, color);
}

struct LegendEntry {
  std::string name;
  double x = 0.0;  // of the sample of its line
  int row = 0;
};

// Side by side from the left edge of the frame, in as many rows as they need.
std::vector<LegendEntry> lay_out_legend(Canvas& canvas, const Plot& plot, const Frame& frame) {
  std::vector<LegendEntry> entries;
  double x = frame.left;
  int row = 0;
  for (const PlotSeries& series : plot.series) {
    std::string name = series.smooth ? series.name + " (smoothed)" : series.name;
    const double width = kLegendSample + text_width(canvas, name, kFontPx);
    if (x > frame.left && x + width > frame.right) {
      x = frame.left;
      ++row;
    }
    entries.push_back({std::move(name), x, row});
    x += width + kLegendGap;
  }
  return entries;
}

void draw_legend(Canvas& canvas, const std::vector<LegendEntry>& entries) {
  cairo_set_line_width(canvas.cairo(), 3.0);
  for (size_t i = 0; i < entries.size(); ++i) {
    const LegendEntry& entry = entries[i];
    const double base = kTitleBase + (entry.row + 1) * kLegendRow;
    canvas.set_color(kSeriesColors[i % std::size(kSeriesColors)]);
    draw_line(canvas, entry.x, base - kFontPx * 0.35, entry.x + kLegendSample - 8,
              base - kFontPx * 0.35);
    canvas.set_color({0.2, 0.2, 0.2});
    draw_text(canvas, entry.name, entry.x + kLegendSample, base, 0.0);
  }
}

}  // namespace

std::vector<double> smoothed(const std::vector<double>& values) {
  const double sigmoid = 1.0 / (1.0 + std::exp(-0.05 * static_cast<double>(values.size())));
  const double weight = 1.8 * (sigmoid - 0.5);
  std::vector<double> out;
  out.reserve(values.size());
  std::optional<double> last;
  for (double value : values) {
    if (std::isfinite(value)) last = last ? *last * weight + value * (1.0 - weight) : value;
    out.push_back(last && std::isfinite(value) ? *last : value);
  }
  return out;
}

std::vector<double> tick_positions(double low, double high, int count) {
  if (!(high > low) || !std::isfinite(high - low) || count < 1) return {};
  const double raw = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power * 10;
  for (double multiple : {1.0, 2.0, 5.0}) {
    if (power * multiple >= raw * 0.999) {
      step = power * multiple;
      break;
    }
  }
  std::vector<double> ticks;
  const double slack = step * 1e-9;
  for (double i = std::ceil((low - slack) / step); i * step <= high + slack; i += 1.0) {
    ticks.push_back(i * step);
    if (ticks.size() > 100) break;  // steps below the resolution of doubles
  }
  return ticks;
}

Result<Image> draw_plot(const Plot& plot) {
  if (plot.width < kMinSide || plot.height < kMinSide || plot.width > kMaxSide ||
      plot.height > kMaxSide) {
    return invalid_argument("plot of {} x {} pixels; sides must be {} to {}", plot.width,
                            plot.height, kMinSide, kMaxSide);
  }
  Frame frame{84, kTitleBase + 14, plot.width - 24.0, plot.height - 60.0, {}, {}};
  for (const PlotSeries& series : plot.series) {
    if (series.x.size() != series.y.size()) {
      return invalid_argument("series {} has {} x and {} y values", series.name, series.x.size(),
                              series.y.size());
    }
    for (double x : series.x) frame.x.add(x);
    for (double y : series.y) frame.y.add(y);
  }
  frame.x.widen(0.0);
  frame.y.widen(0.05);
  Canvas canvas(plot.width, plot.height, {1.0, 1.0, 1.0});
  const std::vector<LegendEntry> legend = lay_out_legend(canvas, plot, frame);
  if (!legend.empty()) frame.top += (legend.back().row + 1) * kLegendRow;
  draw_axes(canvas, plot, frame);
  for (size_t i = 0; i < plot.series.size(); ++i) {
    draw_series(canvas, frame, plot.series[i], kSeriesColors[i % std::size(kSeriesColors)]);
  }
  draw_legend(canvas, legend);
  return canvas.to_image();
}

}  // namespace glmv::media
