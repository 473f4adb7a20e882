#pragma once
// Line plots of training curves.

#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/image.h"

namespace glmv::media {

struct PlotSeries {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;  // as long as x; values that are not finite leave a gap
  bool smooth = true;     // raw line at alpha 0.4 and its moving average over it
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<PlotSeries> series;
  int width = 960;  // pixels, at least 200
  int height = 600;
};

// Exponential moving average from the first value on, with weight
// 1.8 * (sigmoid(0.05 * n) - 0.5) for n values. Values that are not finite are skipped over.
std::vector<double> smoothed(const std::vector<double>& values);

// Round tick positions covering [low, high]: 1, 2 or 5 times a power of ten, about `count` steps.
std::vector<double> tick_positions(double low, double high, int count);

// invalid_argument when a series has x and y of different lengths or the plot is too small or
// large.
Result<Image> draw_plot(const Plot& plot);

}  // namespace glmv::media
