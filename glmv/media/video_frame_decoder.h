#pragma once
// Frames of a container, decoded in order. Private to this folder.

#include <atomic>
#include <chrono>
#include <memory>
#include <span>

#include "glmv/media/video_container.h"
#include "glmv/media/video_frame_rgb.h"
#include "glmv/media/video_reader.h"

namespace glmv::media {

// What a call of VideoReader::read() asks for.
struct FramesWanted {
  std::span<const int64_t> indices;  // ascending
  int width = 0, height = 0;         // 0: as they are
  std::chrono::steady_clock::time_point end;
  const std::atomic<bool>* stopped = nullptr;  // looked at between frames
};

// Not thread-safe; several may decode one file, each with its own container.
class FrameDecoder {
 public:
  // Errors as VideoOpener::open.
  static Result<std::unique_ptr<FrameDecoder>> create(std::unique_ptr<VideoContainer> container,
                                                      const VideoLimits& limits, int num_threads);

  const VideoContainer& container() const { return *container_; }

  // As VideoReader::read; always gives the frames if they can be given at all.
  Result<void> read(const FramesWanted& wanted, const OnFrame& on_frame);
  // Begins at the key frame before the first. Errors besides: invalid_argument where that leads
  // astray or nothing can be decoded from there; frames may have been given by then.
  Result<void> read_from_key(const FramesWanted& wanted, const OnFrame& on_frame);

 private:
  enum class Step { kGoOn, kEnd, kOvershot };

  FrameDecoder(std::unique_ptr<VideoContainer> container, const VideoLimits& limits);
  Result<void> open_codec(int num_threads);
  void begin(const FramesWanted& wanted, const OnFrame& on_frame);
  bool wind(int64_t key);
  bool try_earlier_key();
  Result<void> start_over();
  Result<void> decode_wanted(bool may_start_over);
  Result<Step> decode_one();
  void feed();
  int64_t index_at(int64_t time) const;
  Result<Step> take_frame();
  Result<void> repeat_last();
  Result<Image> picture();
  Result<void> hand_over(const Image& image);

  const std::unique_ptr<VideoContainer> container_;
  const VideoLimits limits_;
  const bool timed_;  // frames are told by when they are shown
  AvPtr<AVCodecContext> codec_;
  AvPtr<AVPacket> packet_;
  AvPtr<AVFrame> frame_, last_;
  FrameConverter converter_;

  // Of the reading under way.
  FramesWanted wanted_;
  const OnFrame* on_frame_ = nullptr;
  bool may_wind_ = false;
  bool draining_ = false;
  bool have_last_ = false;
  int64_t key_ = 0;        // where it was wound to last
  int64_t fed_ = 0;        // the last frame that the decoder got
  int64_t wound_to_ = -1;  // no frame has come since; -1: one has
  int64_t num_shown_ = 0;
  int num_lost_at_end_ = 0;
};

}  // namespace glmv::media
