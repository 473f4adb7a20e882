#pragma once
// Which frames of a video the model sees. Pure functions of the video's numbers.

#include <cstdint>
#include <optional>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/processing/processor_config.h"

namespace glmv::processing {

struct VideoInfo {
  int64_t num_frames = 0;
  double fps = 0.0;                  // of the file
  std::optional<double> duration_s;  // absent or 0: derived from num_frames and fps
};

// Indices of the sampled frames, non-decreasing, an even number of them (the last one repeats
// where needed). requested_fps is used by kGlm4v only.
// Errors: invalid_argument when there are no frames or fps is not above 0.
// Source: sample_frames of transformers 5.23 video_processing_{glm4v,glm46v}.py.
Result<std::vector<int64_t>> sample_frames(const VideoInfo& video, VideoStyle style,
                                           double requested_fps = 2.0);

// Indices of at most max_count (> 0) of num_frames (> 0), evenly spread from the first to the last,
// increasing.
std::vector<int64_t> spread_frames(int64_t num_frames, int64_t max_count);

}  // namespace glmv::processing
