#pragma once
// What a child that reads one video and its parent say to each other over a stream socket: a
// VideoOpenRequest, a VideoOpenReply; then as often as wanted a VideoReadRequest with its indices,
// a VideoFrameReply with its pixels for each frame, and one that ends them. Both run on one machine
// and are one program.

#include <cstdint>

#include "glmv/media/child_error.h"
#include "glmv/media/video_reader.h"

namespace glmv::media {

struct VideoOpenRequest {
  VideoLimits limits;
};

struct VideoOpenReply {
  ChildError error;
  VideoFileInfo info;
};

struct VideoReadRequest {
  uint64_t num_indices = 0;  // int64_t each, behind this
  int32_t width = 0, height = 0;
};

struct VideoFrameReply {
  ChildError error;
  int64_t index = -1;  // -1: no more
  int32_t width = 0, height = 0;
};

// Of one reading: more is asked for in several.
inline constexpr uint64_t kMaxVideoIndices = 1 << 20;

}  // namespace glmv::media
