#include "glmv/media/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "glmv/base/check.h"
#include "glmv/media/resize_kernels.h"

namespace glmv::media {
namespace {

constexpr double kCubic = -0.5;
constexpr int kSlack = 4;  // bytes that resize_row_rgb may read behind a row

double cubic(double x) {
  x = std::abs(x);
  if (x < 1.0) return ((kCubic + 2.0) * x - (kCubic + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kCubic;
  return 0.0;
}

struct Taps {
  int start = 0;
  std::vector<double> weights;  // sum to 1
};

Taps taps_of(int i, int input, double scale) {
  const double support = scale >= 1.0 ? 2.0 * scale : 2.0;
  const double inverse = scale >= 1.0 ? 1.0 / scale : 1.0;
  const double centre = scale * (i + 0.5);
  Taps taps;
  taps.start = std::max(static_cast<int>(centre - support + 0.5), 0);
  const int end = std::min(static_cast<int>(centre + support + 0.5), input);
  double total = 0.0;
  for (int j = taps.start; j < end; ++j) {
    taps.weights.push_back(cubic((j - centre + 0.5) * inverse));
    total += taps.weights.back();
  }
  for (double& weight : taps.weights) weight /= total;
  return taps;
}

// The smallest precision at which the largest weight no longer fits 15 bits if doubled.
int precision_for(double largest) {
  int precision = 0;
  while (precision < 21 && static_cast<int>(0.5 + largest * (1 << (precision + 1))) < (1 << 15)) {
    ++precision;
  }
  return precision;
}

}  // namespace

AxisWeights bicubic_weights(int input, int output, int multiple) {
  const double scale = static_cast<double>(input) / output;
  std::vector<Taps> all(output);
  AxisWeights axis;
  double largest = 0.0;
  for (int i = 0; i < output; ++i) {
    all[i] = taps_of(i, input, scale);
    axis.num_taps = std::max(axis.num_taps, static_cast<int>(all[i].weights.size()));
    for (double weight : all[i].weights) largest = std::max(largest, weight);
  }
  const int padded = (axis.num_taps + multiple - 1) / multiple * multiple;
  if (padded <= input) axis.num_taps = padded;
  axis.precision = precision_for(largest);
  axis.starts.resize(output);
  axis.weights.assign(static_cast<size_t>(output) * axis.num_taps, 0);
  for (int i = 0; i < output; ++i) {
    // The window moves left where it would pass the end; its first weights are then zero.
    axis.starts[i] = std::min(all[i].start, input - axis.num_taps);
    int16_t* out = &axis.weights[static_cast<size_t>(i) * axis.num_taps] +
                   (all[i].start - axis.starts[i]);
    for (double weight : all[i].weights) {
      const double scaled = weight * (1 << axis.precision);
      *out++ = static_cast<int16_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
  }
  return axis;
}

BicubicResizer::BicubicResizer(int input_width, int input_height, int width, int height)
    : input_width_(input_width), input_height_(input_height), width_(width), height_(height) {
  GLMV_CHECK(input_width > 0 && input_height > 0 && width > 0 && height > 0);
  if (width != input_width) horizontal_ = bicubic_weights(input_width, width, 4);
  if (height != input_height) vertical_ = bicubic_weights(input_height, height, 2);
}

void BicubicResizer::resize_row(const uint8_t* in, bool last, uint8_t* out) const {
  if (!last) return resize_row_rgb(in, horizontal_, width_, out);
  std::vector<uint8_t> copy(static_cast<size_t>(input_width_) * 3 + kSlack);
  std::memcpy(copy.data(), in, static_cast<size_t>(input_width_) * 3);
  resize_row_rgb(copy.data(), horizontal_, width_, out);
}

void BicubicResizer::rows(const Image& image, int begin, int end, const RowSink& sink) const {
  GLMV_CHECK(image.width == input_width_ && image.height == input_height_);
  GLMV_CHECK(begin >= 0 && end <= height_);
  const size_t row_bytes = static_cast<size_t>(width_) * 3;
  const bool horizontal = width_ != input_width_;
  const bool vertical = height_ != input_height_;

  // Horizontally resized input rows; row y lives in slot y % ring_rows.
  const int ring_rows = vertical ? vertical_.num_taps : 1;
  std::vector<uint8_t> ring(horizontal ? ring_rows * row_bytes : 0);
  int next = 0;  // first input row not yet in the ring
  const auto input_row = [&](int y) -> const uint8_t* {
    if (!horizontal) return image.pixel(0, y);
    uint8_t* slot = ring.data() + (y % ring_rows) * row_bytes;
    if (y >= next) {
      // Rows within the last bytes of the picture have no slack behind them.
      const bool last = (static_cast<size_t>(input_height_) - 1 - y) * input_width_ * 3 < kSlack;
      resize_row(image.pixel(0, y), last, slot);
      next = y + 1;
    }
    return slot;
  };

  std::vector<uint8_t> out(row_bytes);
  std::vector<const uint8_t*> taps(vertical_.num_taps + 1);
  std::vector<int16_t> weights(vertical_.num_taps + 1);
  for (int y = begin; y < end; ++y) {
    if (!vertical) {
      sink(y, input_row(y));
      continue;
    }
    const int start = vertical_.starts[y];
    next = std::max(next, start);
    for (int k = 0; k < vertical_.num_taps; ++k) {
      taps[k] = input_row(start + k);
      weights[k] = vertical_.weights[static_cast<size_t>(y) * vertical_.num_taps + k];
    }
    // An odd number of taps (inputs too short to pad) gets one more of weight zero.
    taps[vertical_.num_taps] = taps[0];
    weights[vertical_.num_taps] = 0;
    blend_rows(taps.data(), weights.data(), (vertical_.num_taps + 1) / 2 * 2, vertical_.precision,
               static_cast<int>(row_bytes), out.data());
    sink(y, out.data());
  }
}

Image resize_bicubic(const Image& image, int width, int height) {
  const BicubicResizer resizer(image.width, image.height, width, height);
  Image out{width, height, std::vector<uint8_t>(static_cast<size_t>(width) * height * 3)};
  resizer.rows(image, 0, height, [&](int y, const uint8_t* row) {
    std::memcpy(out.pixel(0, y), row, static_cast<size_t>(width) * 3);
  });
  return out;
}

}  // namespace glmv::media
