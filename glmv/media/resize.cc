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
    int16_t* out =
        &axis.weights[static_cast<size_t>(i) * axis.num_taps] + (all[i].start - axis.starts[i]);
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

void BicubicResizer::resize_row(const uint8_t* in, int y, uint8_t* out) const {
  // Rows within the last bytes of the picture have no slack behind them.
  const bool last = (static_cast<size_t>(input_height_) - 1 - y) * input_width_ * 3 < kSlack;
  if (!last) return resize_row_rgb(in, horizontal_, width_, out);
  std::vector<uint8_t> copy(static_cast<size_t>(input_width_) * 3 + kSlack);
  std::memcpy(copy.data(), in, static_cast<size_t>(input_width_) * 3);
  resize_row_rgb(copy.data(), horizontal_, width_, out);
}

int BicubicResizer::input_rows(int end) const {
  if (end <= 0) return 0;
  // Two more, as a row is read a few bytes too far and may be a single pixel wide.
  const int rows = vertical_.num_taps > 0 ? vertical_.starts[end - 1] + vertical_.num_taps : end;
  return std::min(rows + 2, input_height_);
}

RowResizer::RowResizer(const BicubicResizer& resizer, const ImageView& picture)
    : resizer_(resizer),
      picture_(picture),
      ring_rows_(std::max(1, resizer.vertical_.num_taps)),
      taps_(resizer.vertical_.num_taps + 1),
      weights_(resizer.vertical_.num_taps + 1) {
  GLMV_CHECK(picture.width == resizer.input_width_ && picture.height == resizer.input_height_);
  const bool both = resizer.horizontal_.num_taps > 0 && resizer.vertical_.num_taps > 0;
  ring_.resize(both ? static_cast<size_t>(ring_rows_) * resizer.width_ * 3 : 0);
}

const uint8_t* RowResizer::input_row(int y) {
  if (ring_.empty()) return picture_.row(y);
  uint8_t* slot = ring_.data() + static_cast<size_t>(y % ring_rows_) * resizer_.width_ * 3;
  if (y >= next_) {
    resizer_.resize_row(picture_.row(y), y, slot);
    next_ = y + 1;
  }
  return slot;
}

void RowResizer::rows(int begin, int end, uint8_t* out) {
  GLMV_CHECK(begin >= 0 && end <= resizer_.height_);
  const AxisWeights& vertical = resizer_.vertical_;
  const size_t row_bytes = static_cast<size_t>(resizer_.width_) * 3;
  for (int y = begin; y < end; ++y, out += row_bytes) {
    if (vertical.num_taps == 0) {
      if (resizer_.horizontal_.num_taps == 0) {
        std::memcpy(out, picture_.row(y), row_bytes);
      } else {
        resizer_.resize_row(picture_.row(y), y, out);
      }
      continue;
    }
    const int start = vertical.starts[y];
    next_ = std::max(next_, start);
    for (int k = 0; k < vertical.num_taps; ++k) {
      taps_[k] = input_row(start + k);
      weights_[k] = vertical.weights[static_cast<size_t>(y) * vertical.num_taps + k];
    }
    // An odd number of taps (inputs too short to pad) gets one more of weight zero.
    taps_[vertical.num_taps] = taps_[0];
    weights_[vertical.num_taps] = 0;
    blend_rows(taps_.data(), weights_.data(), (vertical.num_taps + 1) / 2 * 2, vertical.precision,
               static_cast<int>(row_bytes), out);
  }
}

Image resize_bicubic(const Image& image, int width, int height) {
  const BicubicResizer resizer(image.width, image.height, width, height);
  Image out{width, height, PixelBytes(static_cast<size_t>(width) * height * 3)};
  RowResizer(resizer, image).rows(0, height, out.data.data());
  return out;
}

}  // namespace glmv::media
