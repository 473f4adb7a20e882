#pragma once
// Target size of a picture or of the frames of a video.

#include <cstdint>

#include "glmv/base/result.h"

namespace glmv::processing {

// Budgets are areas times frames: num_frames * height * width of the result, rounded to factors.
struct ResizeLimits {
  int64_t min_pixels = 112 * 112;
  int64_t max_pixels = int64_t{28} * 28 * 15000;
  int64_t factor = 28;          // patch_size * merge_size; both sides become multiples of it
  int64_t temporal_factor = 2;  // temporal_patch_size
};

struct FrameSize {
  int64_t height = 0;
  int64_t width = 0;
  friend bool operator==(const FrameSize&, const FrameSize&) = default;
};

// num_frames: temporal_factor for pictures, the number of sampled frames for videos. Sizes are in
// pixels. invalid_argument for too few frames and for sides that differ by a factor above 200.
// Source: transformers 5.23 models/glm4v/image_processing_glm4v.py, smart_resize.
Result<FrameSize> smart_resize(int64_t num_frames, int64_t height, int64_t width,
                               const ResizeLimits& limits);

}  // namespace glmv::processing
