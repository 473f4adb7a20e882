#pragma once
// Pictures of our own -> a video file, through FFmpeg's encoders.

#include <filesystem>
#include <memory>
#include <string>

#include "glmv/base/result.h"
#include "glmv/media/image.h"

namespace glmv::media {

enum class VideoCodec {
  kVp9,    // free of royalties, plays in browsers; the default
  kH264,   // OpenH264 or x264, where the system's FFmpeg has one
  kMpeg4,  // MPEG-4 part 2: old, fast, everywhere but in browsers
};
// "vp9", "h264", "mpeg4". Errors: invalid_argument.
Result<VideoCodec> parse_video_codec(std::string_view name);

struct VideoWriterOptions {
  int width = 0, height = 0;  // of the pictures; an odd last column or row is left out
  double fps = 0;
  VideoCodec codec = VideoCodec::kVp9;
  int num_threads = 2;
};

// One file. Not thread-safe.
class VideoWriter {
 public:
  // The container follows from the path's ending: mp4, mov, mkv, webm. The file appears under its
  // name when finish() is done. Errors: invalid_argument (sizes, rate, ending, path), unsupported
  // (no such encoder here, or not in this container).
  static Result<std::unique_ptr<VideoWriter>> open(const std::filesystem::path& path,
                                                   const VideoWriterOptions& options);
  virtual ~VideoWriter() = default;

  // The next picture, of the size that was given. Errors: resource_exhausted (memory, disk).
  virtual Result<void> write(const Image& image) = 0;
  virtual Result<void> finish() = 0;
};

}  // namespace glmv::media
