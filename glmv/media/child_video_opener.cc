#include "glmv/media/child_video_opener.h"

#include "glmv/base/check.h"
#include "glmv/media/video_wire.h"

namespace glmv::media {

namespace {

using Clock = std::chrono::steady_clock;
using Places = std::counting_semaphore<>;  // of children that may run

Status no_longer_wanted() { return {Code::kCancelled, "reading a video was stopped"}; }

// Taken while it lives.
class Place {
 public:
  // Waits for one. Errors: cancelled.
  static Result<Place> take(std::shared_ptr<Places> places, const Wanted& wanted) {
    if (!acquire_wanted(*places, wanted)) return std::unexpected(no_longer_wanted());
    return Place(std::move(places));
  }
  ~Place() {
    if (places_) places_->release();
  }
  Place(Place&&) = default;
  Place& operator=(Place&&) = delete;

 private:
  explicit Place(std::shared_ptr<Places> places) : places_(std::move(places)) {}

  std::shared_ptr<Places> places_;
};

class ChildReader final : public VideoReader {
 public:
  ChildReader(Place place, ChildProcess process, const VideoLimits& limits, Wanted wanted)
      : place_(std::move(place)),
        process_(std::move(process)),
        limits_(limits),
        wanted_(std::move(wanted)) {
    process_.set_wanted(wanted_);
  }

  Result<void> open(std::chrono::milliseconds start_timeout) {
    const auto begin = Clock::now();
    const auto end = begin + allowance() + start_timeout;
    const VideoOpenRequest request{limits_};
    VideoOpenReply reply;
    if (!process_.send(&request, sizeof request, end) ||
        !process_.receive(&reply, sizeof reply, end)) {
      return std::unexpected(lost(begin));
    }
    if (reply.error.code >= 0) return std::unexpected(reply.error.status());
    info_ = reply.info;
    const bool sane = info_.num_frames >= 1 && info_.num_frames <= limits_.max_frames &&
                      info_.fps > 0 && info_.fps < 1e9 && info_.duration_s >= 0 &&
                      info_.duration_s < 1e12 && info_.listed_frames <= limits_.max_frames &&
                      info_.width >= 1 && info_.height >= 1 &&
                      info_.height <= limits_.max_pixels / info_.width;
    if (!sane) return unavailable("the decoding process gives impossible numbers");
    return {};
  }

  const VideoFileInfo& info() const override { return info_; }

  Result<void> read(std::span<const int64_t> indices, int width, int height,
                    const OnFrame& on_frame) override {
    GLMV_CHECK(indices.size() <= kMaxVideoIndices);
    if (broken_) return unavailable("the decoding process is gone");
    broken_ = true;  // until the end of the answer is there
    const auto begin = Clock::now();
    const auto end = begin + allowance();
    const VideoReadRequest request{indices.size(), width, height};
    if (!process_.send(&request, sizeof request, end) ||
        !process_.send(indices.data(), indices.size_bytes(), end)) {
      return unavailable("the decoding process is gone");
    }
    for (size_t i = 0;; ++i) {
      VideoFrameReply reply;
      if (!process_.receive(&reply, sizeof reply, end)) return std::unexpected(lost(begin));
      if (reply.error.code >= 0) {
        broken_ = false;
        return std::unexpected(reply.error.status());
      }
      if (reply.index < 0) {
        if (i != indices.size()) return unavailable("the decoding process leaves frames out");
        broken_ = false;
        return {};
      }
      const int want_width = width > 0 ? width : info_.width;
      const int want_height = height > 0 ? height : info_.height;
      if (i >= indices.size() || reply.index != indices[i] || reply.width != want_width ||
          reply.height != want_height) {
        return unavailable("the decoding process gives another frame than was asked for");
      }
      Image image;
      image.width = reply.width;
      image.height = reply.height;
      image.data.resize(static_cast<size_t>(reply.width) * static_cast<size_t>(reply.height) * 3);
      if (!process_.receive(image.data.data(), image.data.size(), end)) {
        return std::unexpected(lost(begin));
      }
      const bool more = on_frame(reply.index, std::move(image));
      if (!more || !is_wanted(wanted_)) return std::unexpected(no_longer_wanted());
    }
  }

 private:
  using Seconds = std::chrono::duration<double>;

  // The child's own alarm rings first.
  std::chrono::milliseconds allowance() const {
    return std::chrono::ceil<std::chrono::milliseconds>(Seconds(limits_.max_seconds + 5));
  }

  // Why no answer came since `begin`.
  Status lost(Clock::time_point begin) const {
    if (!is_wanted(wanted_)) return no_longer_wanted();
    if (Clock::now() - begin < Seconds(limits_.max_seconds)) {
      return {Code::kUnavailable, "the video broke its decoder"};
    }
    return {Code::kResourceExhausted,
            fmt::format("reading it takes more than {} s: take a part of it, or fewer frames",
                        limits_.max_seconds)};
  }

  const Place place_;
  ChildProcess process_;
  const VideoLimits limits_;
  const Wanted wanted_;
  VideoFileInfo info_;
  bool broken_ = false;
};

}  // namespace

ChildVideoOpener::ChildVideoOpener(ChildVideoOptions options)
    : options_(std::move(options)), places_(std::make_shared<Places>(options_.max_children)) {}

Result<std::unique_ptr<VideoReader>> ChildVideoOpener::open(std::shared_ptr<const Fd> file,
                                                            Wanted wanted) {
  if (!file->ok()) return invalid_argument("no regular file");
  GLMV_ASSIGN(Place place, Place::take(places_, wanted));
  auto process = ChildProcess::start(options_.command, file->get());
  if (!process) return internal_error("{}", process.error().message);
  auto reader = std::make_unique<ChildReader>(std::move(place), std::move(*process),
                                              options_.limits, std::move(wanted));
  GLMV_RETURN_IF_ERROR(reader->open(options_.start_timeout));
  return reader;
}

}  // namespace glmv::media
