#include "glmv/processing/grid.h"

#include <algorithm>
#include <cmath>

namespace glmv::processing {
namespace {

constexpr double kMaxAspectRatio = 200.0;

// value / factor, rounded half to even, times factor.
int64_t round_to(int64_t value, int64_t factor) {
  return static_cast<int64_t>(
             std::nearbyint(static_cast<double>(value) / static_cast<double>(factor))) *
         factor;
}

}  // namespace

Result<FrameSize> smart_resize(int64_t num_frames, int64_t height, int64_t width,
                               const ResizeLimits& limits) {
  const int64_t factor = limits.factor;
  if (num_frames < limits.temporal_factor) {
    return invalid_argument("a video needs at least {} frames, it has {}; give a picture instead",
                            limits.temporal_factor, num_frames);
  }
  if (height < 1 || width < 1) return invalid_argument("empty picture: {} x {}", width, height);
  const int64_t original_width = width, original_height = height;
  if (height < factor || width < factor) {
    const double f = static_cast<double>(factor);
    const double scale = std::max(f / static_cast<double>(height), f / static_cast<double>(width));
    height = static_cast<int64_t>(static_cast<double>(height) * scale);
    width = static_cast<int64_t>(static_cast<double>(width) * scale);
  }
  const double ratio =
      static_cast<double>(std::max(height, width)) / static_cast<double>(std::min(height, width));
  if (ratio > kMaxAspectRatio) {
    return invalid_argument(
        "{} x {} pixels: one side is {:.0f} times the other, the limit is {:.0f};"
        " cut the picture into parts",
        original_width, original_height, ratio, kMaxAspectRatio);
  }
  FrameSize size{round_to(height, factor), round_to(width, factor)};
  const int64_t rounded_frames = round_to(num_frames, limits.temporal_factor);
  const double h = static_cast<double>(height), w = static_cast<double>(width);
  const double f = static_cast<double>(factor);
  const double volume = static_cast<double>(num_frames * height * width);
  const double max_pixels = static_cast<double>(limits.max_pixels);
  const double min_pixels = static_cast<double>(limits.min_pixels);
  if (rounded_frames * size.height * size.width > limits.max_pixels) {
    const double beta = std::sqrt(volume / max_pixels);
    size.height = std::max(factor, static_cast<int64_t>(std::floor(h / beta / f)) * factor);
    size.width = std::max(factor, static_cast<int64_t>(std::floor(w / beta / f)) * factor);
  } else if (rounded_frames * size.height * size.width < limits.min_pixels) {
    const double beta = std::sqrt(min_pixels / volume);
    size.height = static_cast<int64_t>(std::ceil(h * beta / f)) * factor;
    size.width = static_cast<int64_t>(std::ceil(w * beta / f)) * factor;
  }
  return size;
}

}  // namespace glmv::processing
