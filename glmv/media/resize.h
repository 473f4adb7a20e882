#pragma once
// Antialiased bicubic resampling of 8-bit RGB, bit for bit that of torch's
// _upsample_bicubic2d_aa on uint8 (what torchvision, and so the reference processor, uses).
// Source of the rules: Keys' cubic (a = -0.5) with support scaled for reduction, fixed-point
// weights, horizontal pass first with an 8-bit intermediate.

#include <cstdint>
#include <functional>
#include <vector>

#include "glmv/media/image.h"

namespace glmv::media {

// Weights of one axis: output i sums `num_taps` inputs from starts[i] on.
struct AxisWeights {
  int num_taps = 0;               // the same for all outputs, padded with zero weights
  int precision = 0;              // sums are shifted right by it
  std::vector<int32_t> starts;    // [output size]; starts[i] + num_taps <= input size
  std::vector<int16_t> weights;   // [output size, num_taps]
};

// input, output >= 1. `multiple`: num_taps is rounded up to it where the input is long enough.
AxisWeights bicubic_weights(int input, int output, int multiple);

// Resamples row by row, so that nothing larger than a few rows is buffered and the rows can be
// shared out to threads. Immutable, thread-safe.
class BicubicResizer {
 public:
  using RowSink = std::function<void(int y, const uint8_t* row)>;  // row: width * 3 bytes

  BicubicResizer(int input_width, int input_height, int width, int height);

  int width() const { return width_; }
  int height() const { return height_; }

  // Output rows [begin, end) in order. `image` has the input size given above.
  void rows(const Image& image, int begin, int end, const RowSink& sink) const;

 private:
  void resize_row(const uint8_t* in, bool last, uint8_t* out) const;

  int input_width_;
  int input_height_;
  int width_;
  int height_;
  AxisWeights horizontal_;
  AxisWeights vertical_;
};

// width, height >= 1.
Image resize_bicubic(const Image& image, int width, int height);

}  // namespace glmv::media
