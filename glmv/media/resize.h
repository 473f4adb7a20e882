#pragma once
// Antialiased bicubic resampling of 8-bit RGB, bit for bit that of torch's
// _upsample_bicubic2d_aa on uint8 (what torchvision, and so the reference processor, uses).
// Source of the rules: Keys' cubic (a = -0.5) with support scaled for reduction, fixed-point
// weights, horizontal pass first with an 8-bit intermediate.

#include <cstdint>
#include <vector>

#include "glmv/media/image.h"

namespace glmv::media {

// Weights of one axis: output i sums `num_taps` inputs from starts[i] on.
struct AxisWeights {
  int num_taps = 0;              // the same for all outputs, padded with zero weights
  int precision = 0;             // sums are shifted right by it
  std::vector<int32_t> starts;   // [output size]; starts[i] + num_taps <= input size
  std::vector<int16_t> weights;  // [output size, num_taps]
};

// input, output >= 1. `multiple`: num_taps is rounded up to it where the input is long enough.
AxisWeights bicubic_weights(int input, int output, int multiple);

// The weights of one size to another. Immutable, thread-safe.
class BicubicResizer {
 public:
  BicubicResizer(int input_width, int input_height, int width, int height);

  int width() const { return width_; }
  int height() const { return height_; }
  // The first rows of the input that output rows [0, end) need to be there.
  int input_rows(int end) const;

 private:
  friend class RowResizer;

  // Row y of the input.
  void resize_row(const uint8_t* in, int y, uint8_t* out) const;

  int input_width_;
  int input_height_;
  int width_;
  int height_;
  AxisWeights horizontal_;
  AxisWeights vertical_;
};

// Resamples ranges of rows of a picture, downwards: nothing larger than a few rows is kept, and the
// ranges can be shared out to threads, each with its own RowResizer. `resizer` and the pixels must
// outlive it.
class RowResizer {
 public:
  // `picture` has the input size of `resizer`.
  RowResizer(const BicubicResizer& resizer, const ImageView& picture);

  // Output rows [begin, end) to out [end - begin, width * 3]. begin is no less than the end before.
  void rows(int begin, int end, uint8_t* out);

 private:
  const uint8_t* input_row(int y);

  const BicubicResizer& resizer_;
  ImageView picture_;
  // Horizontally resized input rows; row y lives in slot y % ring_rows_.
  int ring_rows_;
  std::vector<uint8_t> ring_;
  int next_ = 0;  // first input row not yet in the ring
  std::vector<const uint8_t*> taps_;
  std::vector<int16_t> weights_;
};

// width, height >= 1.
Image resize_bicubic(const Image& image, int width, int height);

}  // namespace glmv::media
