#include "glmv/media/video_reader.h"

#include <algorithm>
#include <chrono>

#include "glmv/base/check.h"
#include "glmv/media/resize.h"
#include "glmv/media/video_container.h"
#include "glmv/media/video_frame_rgb.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>
}

namespace glmv::media {
namespace {

using Clock = std::chrono::steady_clock;

// Fewer frames than that are decoded sooner than the decoder has begun anew.
constexpr int64_t kWorthWinding = 8;

class FileReader final : public VideoReader {
 public:
  FileReader(std::unique_ptr<VideoContainer> container, const VideoLimits& limits)
      : container_(std::move(container)), limits_(limits), timed_(!container_->times().empty()) {}

  Result<void> open_codec() {
    const AVCodecParameters& parameters = *container_->stream().codecpar;
    const AVCodec* const codec = avcodec_find_decoder(parameters.codec_id);
    if (codec == nullptr) {
      return unsupported("there is no decoder for its codec \"{}\"",
                         avcodec_get_name(parameters.codec_id));
    }
    codec_.reset(avcodec_alloc_context3(codec));
    packet_.reset(av_packet_alloc());
    frame_.reset(av_frame_alloc());
    last_.reset(av_frame_alloc());
    if (!codec_ || !packet_ || !frame_ || !last_) return resource_exhausted("no memory");
    if (avcodec_parameters_to_context(codec_.get(), &parameters) < 0) {
      return invalid_argument("the codec's parameters are damaged");
    }
    codec_->pkt_timebase = container_->stream().time_base;
    codec_->thread_count = limits_.num_threads;
    codec_->max_pixels = limits_.max_pixels;
    if (const int error = avcodec_open2(codec_.get(), codec, nullptr); error < 0) {
      if (error == AVERROR(ENOMEM)) return resource_exhausted("no memory");
      return invalid_argument("its codec \"{}\" cannot be started ({})", codec->name,
                              av_error_text(error));
    }
    return {};
  }

  const VideoFileInfo& info() const override { return container_->info(); }

  Result<void> read(std::span<const int64_t> indices, int width, int height,
                    const OnFrame& on_frame) override {
    GLMV_CHECK(std::ranges::is_sorted(indices));
    wanted_ = indices;
    width_ = width;
    height_ = height;
    on_frame_ = &on_frame;
    end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(limits_.max_seconds));
    may_wind_ = timed_;
    have_last_ = false;
    if (!wind(0)) return invalid_argument("the file cannot be wound back");
    while (!wanted_.empty()) {
      if (may_wind_) {
        const int64_t key = container_->key_frame(wanted_[0]);
        if (key > fed_ + kWorthWinding && !wind(key)) GLMV_RETURN_IF_ERROR(start_over());
      }
      GLMV_ASSIGN(const Step step, decode_one());
      if (step == Step::kOvershot) GLMV_RETURN_IF_ERROR(start_over());
      if (step == Step::kEnd) return repeat_last();
    }
    return {};
  }

 private:
  enum class Step { kGoOn, kEnd, kOvershot };

  bool wind(int64_t key) {
    if (!container_->seek(key)) return false;
    avcodec_flush_buffers(codec_.get());
    fed_ = key;
    wound_to_ = key;
    draining_ = false;
    num_shown_ = 0;
    return true;
  }

  // Winding led astray: from the beginning, without it.
  Result<void> start_over() {
    may_wind_ = false;
    if (!wind(0)) return invalid_argument("the file cannot be wound back");
    wound_to_ = -1;
    return {};
  }

  // Feeds a packet and takes the frames that come out.
  Result<Step> decode_one() {
    if (Clock::now() > end_) {
      return resource_exhausted("decoding took more than {} s", limits_.max_seconds);
    }
    if (!draining_) feed();
    while (!wanted_.empty()) {
      const int error = avcodec_receive_frame(codec_.get(), frame_.get());
      if (error == AVERROR(EAGAIN)) return Step::kGoOn;
      if (error == AVERROR(ENOMEM)) return resource_exhausted("no memory for its frames");
      if (error == AVERROR_EOF) return Step::kEnd;
      if (error < 0) return draining_ ? Step::kEnd : Step::kGoOn;  // damaged: the next may be well
      GLMV_ASSIGN(const Step step, take_frame());
      if (step != Step::kGoOn) return step;
    }
    return Step::kGoOn;
  }

  void feed() {
    if (!container_->next(*packet_)) {
      draining_ = true;
      avcodec_send_packet(codec_.get(), nullptr);
      return;
    }
    if (timed_) {
      const int64_t index = index_at(packet_->pts);
      fed_ = std::max(fed_, index);
      // Frames that no other needs are not decoded, unless they are asked for.
      codec_->skip_frame =
          std::ranges::binary_search(wanted_, index) ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
    }
    // What it cannot read it says so of, and goes on.
    avcodec_send_packet(codec_.get(), packet_.get());
    av_packet_unref(packet_.get());
  }

  // The number of the frame shown at `time`, or of the last one before.
  int64_t index_at(int64_t time) const {
    const auto& times = container_->times();
    const auto after = std::ranges::upper_bound(times, time);
    return std::max<int64_t>(after - times.begin() - 1, 0);
  }

  Result<Step> take_frame() {
    const int64_t time =
        frame_->pts != AV_NOPTS_VALUE ? frame_->pts : frame_->best_effort_timestamp;
    const int64_t index = timed_ ? index_at(time) : num_shown_++;
    // Behind a key frame only frames from it on are whole.
    const bool first = std::exchange(wound_to_, -1) > 0;
    if (first && index > wanted_[0] && may_wind_) return Step::kOvershot;
    std::swap(frame_, last_);
    have_last_ = true;
    av_frame_unref(frame_.get());
    if (index < wanted_[0]) return Step::kGoOn;
    GLMV_ASSIGN(const Image image, picture());
    while (!wanted_.empty() && wanted_[0] <= index) GLMV_RETURN_IF_ERROR(hand_over(image));
    return Step::kGoOn;
  }

  Result<void> repeat_last() {
    if (!have_last_) return invalid_argument("none of its frames can be decoded: it is damaged");
    GLMV_ASSIGN(const Image image, picture());
    while (!wanted_.empty()) GLMV_RETURN_IF_ERROR(hand_over(image));
    return {};
  }

  // Of the last frame.
  Result<Image> picture() {
    GLMV_ASSIGN(Image image, converter_.convert(*last_, container_->orientation()));
    // A stream may change its size on the way.
    const int width = width_ > 0 ? width_ : info().width;
    const int height = height_ > 0 ? height_ : info().height;
    if (image.width == width && image.height == height) return image;
    return resize_bicubic(image, width, height);
  }

  Result<void> hand_over(const Image& image) {
    const int64_t index = wanted_[0];
    wanted_ = wanted_.subspan(1);
    if (!(*on_frame_)(index, image)) return cancelled("reading a video was stopped");
    return {};
  }

  const std::unique_ptr<VideoContainer> container_;
  const VideoLimits limits_;
  const bool timed_;  // frames are told by when they are shown
  AvPtr<AVCodecContext> codec_;
  AvPtr<AVPacket> packet_;
  AvPtr<AVFrame> frame_, last_;
  FrameConverter converter_;

  // Of the read() under way.
  std::span<const int64_t> wanted_;
  int width_ = 0, height_ = 0;
  const OnFrame* on_frame_ = nullptr;
  Clock::time_point end_;
  bool may_wind_ = false;
  bool draining_ = false;
  bool have_last_ = false;
  int64_t fed_ = 0;        // the last frame that the decoder got
  int64_t wound_to_ = -1;  // no frame has come since; -1: one has
  int64_t num_shown_ = 0;
};

}  // namespace

Result<std::unique_ptr<VideoReader>> InlineVideoOpener::open(std::shared_ptr<const Fd> file) {
  av_log_set_level(AV_LOG_QUIET);
  GLMV_ASSIGN(auto container, VideoContainer::open(std::move(file), limits_));
  auto reader = std::make_unique<FileReader>(std::move(container), limits_);
  GLMV_RETURN_IF_ERROR(reader->open_codec());
  return reader;
}

}  // namespace glmv::media
