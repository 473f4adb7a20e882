#pragma once
// Frames far apart, decoded from several key frames at once. A decoder of frames in order is busy
// on one processor where few of the frames are asked for: they are few, and between them it begins
// anew. Private to this folder.

#include <memory>
#include <vector>

#include "glmv/media/video_frame_decoder.h"

namespace glmv::media {

// Not thread-safe.
class VideoLanes {
 public:
  // `container` outlives it. As many lanes as limits.num_threads.
  VideoLanes(const VideoContainer& container, const VideoLimits& limits)
      : container_(container), limits_(limits) {}

  // Gives frames as VideoReader::read would, on the calling thread. How many it gave: fewer than
  // all, possibly none, where the file cannot be wound, is damaged, or has one key frame only.
  // Errors: resource_exhausted, cancelled.
  Result<size_t> read(const FramesWanted& wanted, const OnFrame& on_frame);

 private:
  std::vector<std::span<const int64_t>> units_of(std::span<const int64_t> indices) const;
  Result<void> open_lanes(size_t count);

  const VideoContainer& container_;
  const VideoLimits limits_;
  std::vector<std::unique_ptr<FrameDecoder>> lanes_;
};

}  // namespace glmv::media
