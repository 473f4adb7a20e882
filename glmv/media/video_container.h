#pragma once
// A video file taken apart: which frames it has, when they are shown, where decoding can begin.
// Over FFmpeg's libraries. Private to this folder.

#include <cstdint>
#include <memory>
#include <vector>

#include "glmv/base/fd.h"
#include "glmv/base/result.h"
#include "glmv/media/video_reader.h"

struct AVCodecContext;
struct AVFormatContext;
struct AVFrame;
struct AVIOContext;
struct AVPacket;
struct AVStream;

namespace glmv::media {

// Owners of FFmpeg's objects.
struct AvFree {
  void operator()(AVCodecContext* codec) const;
  void operator()(AVFormatContext* format) const;
  void operator()(AVFrame* frame) const;
  void operator()(AVPacket* packet) const;
  void operator()(AVIOContext* io) const;
};
template <class T>
using AvPtr = std::unique_ptr<T, AvFree>;

class VideoContainer {
 public:
  // Reads the header and goes through all packets once. Errors as VideoOpener::open.
  static Result<std::unique_ptr<VideoContainer>> open(std::shared_ptr<const Fd> file,
                                                      const VideoLimits& limits);
  ~VideoContainer();

  // The same file once more, at its beginning, for a decoder of its own; what open() found out is
  // not sought again. Errors as open.
  Result<std::unique_ptr<VideoContainer>> again(const VideoLimits& limits) const;

  const VideoFileInfo& info() const { return info_; }
  // EXIF's number of how the stored frames are turned: 1, 3, 6 or 8.
  int orientation() const { return orientation_; }
  const AVStream& stream() const { return *stream_; }

  // When frame i is shown, in units of the stream. Empty: the file does not say it, or says it
  // twice; frames are then counted from the beginning.
  const std::vector<int64_t>& times() const { return times_; }
  // The number of the last frame at or before `index` with which decoding can begin.
  int64_t key_frame(int64_t index) const;

  // The next packet of the stream will be that of key frame `index`, or one before it. False: the
  // file cannot be wound.
  bool seek(int64_t index);
  // False at the end of the file, also of a damaged one.
  bool next(AVPacket& packet);

 private:
  VideoContainer() = default;
  static Result<std::unique_ptr<VideoContainer>> with_format(std::shared_ptr<const Fd> file,
                                                             const VideoLimits& limits);
  Result<void> open_format(const VideoLimits& limits);
  Result<void> scan(const VideoLimits& limits);
  bool wind_to(int64_t time);

  struct Key {
    int64_t index;  // of the frame
    int64_t shown;  // when
    int64_t wound;  // when it is decoded, if the file says so
  };

  // Read with a position of its own: others may read the same descriptor.
  struct Input {
    std::shared_ptr<const Fd> file;
    int64_t position = 0;

    static int read(void* opaque, uint8_t* buffer, int size);
    static int64_t seek(void* opaque, int64_t offset, int whence);
  };

  std::unique_ptr<Input> input_;
  AvPtr<AVIOContext> io_;
  AvPtr<AVFormatContext> format_;
  AVStream* stream_ = nullptr;
  VideoFileInfo info_;
  int orientation_ = 1;
  AvPtr<AVPacket> ahead_;  // that winding has read, if it holds one
  std::vector<int64_t> times_;
  std::vector<Key> keys_;           // ascending
  int64_t first_time_ = INT64_MAX;  // of all packets
};

// FFmpeg's text of an error.
std::string av_error_text(int error);

}  // namespace glmv::media
