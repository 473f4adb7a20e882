#pragma once
// Decoded pictures and frames -> rows of pixel_values: resize, normalise, cut into patches.
// Source: transformers 5.23 image_processing_glm4v.py (default backend).

#include <array>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/image.h"
#include "glmv/processing/model_input.h"
#include "glmv/processing/processor_config.h"

namespace glmv::processing {

// float of each 8-bit value per channel, computed in fp32 as the reference does.
using NormalizeTable = std::array<std::array<float, 256>, 3>;
NormalizeTable make_normalize_table(const MediaConfig& config);

// Builds the patches of one picture or video frame by frame, so that only one decoded frame needs
// to be in memory. Not thread-safe; uses up to num_threads threads for large frames.
class PatchBuilder {
 public:
  // width, height: of all frames, in pixels. max_pixels: per frame after resize, 0 for no further
  // limit. Errors: smart_resize's; with do_resize off, sides that are no multiple of
  // patch_size * merge_size.
  static Result<PatchBuilder> create(const MediaConfig& config, MediaKind kind, int64_t num_frames,
                                     int64_t width, int64_t height, int64_t max_pixels = 0);

  // Frames in order; invalid_argument when the size differs from the first one's.
  Result<void> add(const media::Image& frame);

  // After num_frames calls of add. Timestamps are left empty.
  Medium finish() &&;

  FrameSize size() const { return size_; }

 private:
  PatchBuilder(const MediaConfig& config, int64_t num_frames, FrameSize size);

  MediaConfig config_;
  NormalizeTable table_;
  int64_t num_frames_;
  int64_t num_added_ = 0;
  FrameSize size_;  // after resize
  Medium medium_;
};

}  // namespace glmv::processing
