#include "glmv/media/video_frame_decoder.h"

#include <algorithm>

#include "glmv/base/check.h"
#include "glmv/media/resize.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace glmv::media {
namespace {

// Fewer frames than that are decoded sooner than the decoder has begun anew.
constexpr int64_t kWorthWinding = 8;
// Frames that a decoder may hold at the end of a file; more errors are not waited for there.
constexpr int kMaxLostAtEnd = 128;

}  // namespace

FrameDecoder::FrameDecoder(std::unique_ptr<VideoContainer> container, const VideoLimits& limits)
    : container_(std::move(container)), limits_(limits), timed_(!container_->times().empty()) {}

Result<std::unique_ptr<FrameDecoder>> FrameDecoder::create(
    std::unique_ptr<VideoContainer> container, const VideoLimits& limits, int num_threads) {
  std::unique_ptr<FrameDecoder> decoder(new FrameDecoder(std::move(container), limits));
  GLMV_RETURN_IF_ERROR(decoder->open_codec(num_threads));
  return decoder;
}

Result<void> FrameDecoder::open_codec(int num_threads) {
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
  codec_->thread_count = num_threads;
  codec_->max_pixels = limits_.max_pixels;
  if (const int error = avcodec_open2(codec_.get(), codec, nullptr); error < 0) {
    if (error == AVERROR(ENOMEM)) return resource_exhausted("no memory");
    return invalid_argument("its codec \"{}\" cannot be started ({})", codec->name,
                            av_error_text(error));
  }
  return {};
}

void FrameDecoder::begin(const FramesWanted& wanted, const OnFrame& on_frame) {
  GLMV_CHECK(std::ranges::is_sorted(wanted.indices));
  wanted_ = wanted;
  on_frame_ = &on_frame;
  may_wind_ = timed_;
  have_last_ = false;
}

Result<void> FrameDecoder::read(const FramesWanted& wanted, const OnFrame& on_frame) {
  begin(wanted, on_frame);
  if (!wind(0)) return invalid_argument("the file cannot be wound back");
  return decode_wanted(true);
}

Result<void> FrameDecoder::read_from_key(const FramesWanted& wanted, const OnFrame& on_frame) {
  begin(wanted, on_frame);
  if (!timed_ || wanted.indices.empty()) return invalid_argument("the file cannot be wound");
  if (!wind(container_->key_frame(wanted.indices[0]))) {
    return invalid_argument("the file cannot be wound");
  }
  return decode_wanted(false);
}

Result<void> FrameDecoder::decode_wanted(bool may_start_over) {
  const auto go_back = [&]() -> Result<void> {
    if (!may_start_over) return invalid_argument("the file cannot be wound");
    return start_over();
  };
  while (!wanted_.indices.empty()) {
    if (may_wind_) {
      const int64_t key = container_->key_frame(wanted_.indices[0]);
      if (key > fed_ + kWorthWinding && !wind(key)) GLMV_RETURN_IF_ERROR(go_back());
    }
    GLMV_ASSIGN(const Step step, decode_one());
    if (step == Step::kOvershot) GLMV_RETURN_IF_ERROR(go_back());
    if (step == Step::kEnd && !try_earlier_key()) return repeat_last();
  }
  return {};
}

bool FrameDecoder::wind(int64_t key) {
  if (!container_->seek(key)) return false;
  avcodec_flush_buffers(codec_.get());
  key_ = fed_ = wound_to_ = key;
  draining_ = false;
  num_lost_at_end_ = 0;
  num_shown_ = 0;
  return true;
}

// FFmpeg's H.264 decoder keeps the last frames for itself when it began at a key frame whose
// neighbours need the one before it. False: that was not it.
bool FrameDecoder::try_earlier_key() {
  if (!may_wind_ || key_ == 0) return false;
  may_wind_ = false;
  if (!wind(container_->key_frame(key_ - 1))) return false;
  wound_to_ = -1;
  return true;
}

// Winding led astray: from the beginning, without it.
Result<void> FrameDecoder::start_over() {
  may_wind_ = false;
  if (!wind(0)) return invalid_argument("the file cannot be wound back");
  wound_to_ = -1;
  return {};
}

// Feeds a packet and takes the frames that come out.
Result<FrameDecoder::Step> FrameDecoder::decode_one() {
  if (std::chrono::steady_clock::now() > wanted_.end) {
    return resource_exhausted("reading it takes more than {} s: take a part of it, or fewer frames",
                              limits_.max_seconds);
  }
  if (wanted_.stopped != nullptr && *wanted_.stopped) return cancelled("decoding was stopped");
  if (!draining_) feed();
  while (!wanted_.indices.empty()) {
    const int error = avcodec_receive_frame(codec_.get(), frame_.get());
    if (error == AVERROR(EAGAIN)) return Step::kGoOn;
    if (error == AVERROR(ENOMEM)) return resource_exhausted("no memory for its frames");
    if (error == AVERROR_EOF) return Step::kEnd;
    if (error < 0) {  // damaged: the next may be well
      if (!draining_) return Step::kGoOn;
      if (++num_lost_at_end_ <= kMaxLostAtEnd) continue;
      return Step::kEnd;
    }
    GLMV_ASSIGN(const Step step, take_frame());
    if (step != Step::kGoOn) return step;
  }
  return Step::kGoOn;
}

void FrameDecoder::feed() {
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
        std::ranges::binary_search(wanted_.indices, index) ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
  }
  // What it cannot read it says so of, and goes on.
  avcodec_send_packet(codec_.get(), packet_.get());
  av_packet_unref(packet_.get());
}

// The number of the frame shown at `time`, or of the last one before.
int64_t FrameDecoder::index_at(int64_t time) const {
  const auto& times = container_->times();
  const auto after = std::ranges::upper_bound(times, time);
  return std::max<int64_t>(after - times.begin() - 1, 0);
}

Result<FrameDecoder::Step> FrameDecoder::take_frame() {
  const int64_t time = frame_->pts != AV_NOPTS_VALUE ? frame_->pts : frame_->best_effort_timestamp;
  const int64_t index = timed_ ? index_at(time) : num_shown_++;
  // Behind a key frame only frames from it on are whole.
  const bool first = std::exchange(wound_to_, -1) > 0;
  if (first && index > wanted_.indices[0] && may_wind_) return Step::kOvershot;
  std::swap(frame_, last_);
  have_last_ = true;
  av_frame_unref(frame_.get());
  if (index < wanted_.indices[0]) return Step::kGoOn;
  GLMV_ASSIGN(const Image image, picture());
  while (!wanted_.indices.empty() && wanted_.indices[0] <= index)
    GLMV_RETURN_IF_ERROR(hand_over(image));
  return Step::kGoOn;
}

Result<void> FrameDecoder::repeat_last() {
  if (!have_last_) return invalid_argument("none of its frames can be decoded: it is damaged");
  GLMV_ASSIGN(const Image image, picture());
  while (!wanted_.indices.empty()) GLMV_RETURN_IF_ERROR(hand_over(image));
  return {};
}

// Of the last frame.
Result<Image> FrameDecoder::picture() {
  GLMV_ASSIGN(Image image, converter_.convert(*last_, container_->orientation()));
  // A stream may change its size on the way.
  const int width = wanted_.width > 0 ? wanted_.width : container_->info().width;
  const int height = wanted_.height > 0 ? wanted_.height : container_->info().height;
  if (image.width == width && image.height == height) return image;
  return resize_bicubic(image, width, height);
}

Result<void> FrameDecoder::hand_over(const Image& image) {
  const int64_t index = wanted_.indices[0];
  wanted_.indices = wanted_.indices.subspan(1);
  if (!(*on_frame_)(index, image)) return cancelled("reading a video was stopped");
  return {};
}

}  // namespace glmv::media
