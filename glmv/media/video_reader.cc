#include "glmv/media/video_reader.h"

#include <algorithm>

#include "glmv/media/video_frame_decoder.h"
#include "glmv/media/video_lanes.h"

extern "C" {
#include <libavutil/log.h>
}

namespace glmv::media {
namespace {

using Clock = std::chrono::steady_clock;

class FileReader final : public VideoReader {
 public:
  FileReader(std::unique_ptr<FrameDecoder> decoder, const VideoLimits& limits, Wanted wanted)
      : decoder_(std::move(decoder)), limits_(limits), wanted_(std::move(wanted)) {}

  const VideoFileInfo& info() const override { return decoder_->container().info(); }

  Result<void> read(std::span<const int64_t> indices, int width, int height,
                    const OnFrame& given) override {
    const OnFrame on_frame = [&](int64_t index, Image frame) {
      return is_wanted(wanted_) && given(index, std::move(frame));
    };
    const FramesWanted wanted{
        indices, width, height,
        Clock::now() + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(limits_.max_seconds))};
    if (lanes_ == nullptr) lanes_ = std::make_unique<VideoLanes>(decoder_->container(), limits_);
    GLMV_ASSIGN(size_t num_given, lanes_->read(wanted, on_frame));
    if (num_given == indices.size()) return {};
    // One decoder for all finds a way wherever there is one; what was given is not given again.
    return decoder_->read(wanted, [&](int64_t index, Image frame) {
      if (num_given > 0) {
        --num_given;
        return true;
      }
      return on_frame(index, std::move(frame));
    });
  }

 private:
  const std::unique_ptr<FrameDecoder> decoder_;
  const VideoLimits limits_;
  const Wanted wanted_;
  std::unique_ptr<VideoLanes> lanes_;
};

}  // namespace

Result<std::unique_ptr<VideoReader>> InlineVideoOpener::open(std::shared_ptr<const Fd> file,
                                                             Wanted wanted) {
  av_log_set_level(AV_LOG_QUIET);
  GLMV_ASSIGN(auto container, VideoContainer::open(std::move(file), limits_));
  GLMV_ASSIGN(auto decoder,
              FrameDecoder::create(std::move(container), limits_, limits_.num_threads));
  return std::make_unique<FileReader>(std::move(decoder), limits_, std::move(wanted));
}

}  // namespace glmv::media
