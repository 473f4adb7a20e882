#pragma once
// Frames of a video file, by number. The file is a descriptor, so that a process that may open none
// can read it.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "glmv/base/fd.h"
#include "glmv/base/result.h"
#include "glmv/base/wanted.h"
#include "glmv/media/image.h"

namespace glmv::media {

// Of the first video stream that is no cover picture.
struct VideoFileInfo {
  int64_t num_frames = 0;  // that are shown
  double fps = 0;          // average
  double duration_s = 0;   // num_frames / fps
  int width = 0;           // upright, as the file says it is to be shown
  int height = 0;
  // That the file's header lists, where these are more: some are cut away or held, or missing.
  int64_t listed_frames = 0;
};

struct VideoLimits {
  int64_t max_pixels = 64'000'000;  // of a frame
  int64_t max_frames = 20'000'000;  // of the file
  double max_seconds = 300;         // of computing, over all of one call
  size_t max_memory_bytes = size_t{1} << 30;
  int num_threads = 2;
};

// Frames come in ascending order; false ends the reading (cancelled).
using OnFrame = std::function<bool(int64_t index, Image frame)>;

// One open file. Not thread-safe.
class VideoReader {
 public:
  virtual ~VideoReader() = default;

  virtual const VideoFileInfo& info() const = 0;

  // The frames of ascending `indices` (one may come several times), resampled to width x height by
  // resize_bicubic; 0: as they are. The last frame that can be decoded stands for those behind it.
  // Errors: invalid_argument (damaged before the first frame that is asked for),
  // resource_exhausted (memory, time), cancelled.
  virtual Result<void> read(std::span<const int64_t> indices, int width, int height,
                            const OnFrame& on_frame) = 0;
};

// Who reads videos: this process or a limited child of it. Thread-safe.
class VideoOpener {
 public:
  virtual ~VideoOpener() = default;

  // `file`: regular, readable, at any position, which changes. Errors: unsupported (no video
  // stream, a codec that is not there), invalid_argument (damaged), resource_exhausted (a limit),
  // unavailable (the child ended), cancelled. Messages name no file. `wanted` is asked by the
  // reader too, as long as it lives.
  virtual Result<std::unique_ptr<VideoReader>> open(std::shared_ptr<const Fd> file,
                                                    Wanted wanted = {}) = 0;
};

// In this process: for files that somebody vouches for, and in the child. Asks whether a video is
// wanted between frames only.
class InlineVideoOpener final : public VideoOpener {
 public:
  explicit InlineVideoOpener(VideoLimits limits = {}) : limits_(limits) {}
  Result<std::unique_ptr<VideoReader>> open(std::shared_ptr<const Fd> file,
                                            Wanted wanted = {}) override;

 private:
  const VideoLimits limits_;
};

}  // namespace glmv::media
