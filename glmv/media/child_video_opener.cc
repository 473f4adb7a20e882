#include "glmv/media/child_video_opener.h"

#include <algorithm>

#include "glmv/base/check.h"
#include "glmv/media/video_wire.h"

namespace glmv::media {

namespace {

using Clock = std::chrono::steady_clock;
using Places = std::counting_semaphore<>;  // of children that may run

// Text of a child that a video may have taken over.
std::string text_of(const char (&message)[256]) {
  std::string text(message, std::find(message, message + sizeof message, '\0'));
  std::ranges::replace_if(text, [](char c) { return c < 32 || c > 126; }, '?');
  return text;
}

Status error_of(int32_t code, const char (&message)[256]) {
  const bool known = code >= 0 && code <= static_cast<int32_t>(Code::kInternal);
  return {known ? static_cast<Code>(code) : Code::kUnavailable, text_of(message)};
}

// Taken while it lives.
class Place {
 public:
  explicit Place(std::shared_ptr<Places> places) : places_(std::move(places)) {
    places_->acquire();
  }
  ~Place() {
    if (places_) places_->release();
  }
  Place(Place&&) = default;
  Place& operator=(Place&&) = delete;

 private:
  std::shared_ptr<Places> places_;
};

class ChildReader final : public VideoReader {
 public:
  ChildReader(Place place, ChildProcess process, const VideoLimits& limits)
      : place_(std::move(place)), process_(std::move(process)), limits_(limits) {}

  Result<void> open(std::chrono::milliseconds start_timeout) {
    const auto end = deadline() + start_timeout;
    const VideoOpenRequest request{limits_};
    VideoOpenReply reply;
    if (!process_.send(&request, sizeof request, end) ||
        !process_.receive(&reply, sizeof reply, end)) {
      return unavailable("the video broke its decoder, or took too long to open");
    }
    if (reply.code >= 0) return std::unexpected(error_of(reply.code, reply.message));
    info_ = reply.info;
    const bool sane = info_.num_frames >= 1 && info_.num_frames <= limits_.max_frames &&
                      info_.fps > 0 && info_.fps < 1e9 && info_.duration_s >= 0 &&
                      info_.duration_s < 1e12 && info_.width >= 1 && info_.height >= 1 &&
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
    const auto end = deadline();
    const VideoReadRequest request{indices.size(), width, height};
    if (!process_.send(&request, sizeof request, end) ||
        !process_.send(indices.data(), indices.size_bytes(), end)) {
      return unavailable("the decoding process is gone");
    }
    for (size_t i = 0;; ++i) {
      VideoFrameReply reply;
      if (!process_.receive(&reply, sizeof reply, end)) {
        return unavailable("the video broke its decoder, or took too long");
      }
      if (reply.code >= 0) {
        broken_ = false;
        return std::unexpected(error_of(reply.code, reply.message));
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
        return unavailable("the decoding process ended in the middle of a frame");
      }
      if (!on_frame(reply.index, std::move(image))) return cancelled("reading a video was stopped");
    }
  }

 private:
  // The child's own alarm rings first.
  Clock::time_point deadline() const {
    return Clock::now() + std::chrono::ceil<std::chrono::milliseconds>(
                              std::chrono::duration<double>(limits_.max_seconds + 5));
  }

  const Place place_;
  ChildProcess process_;
  const VideoLimits limits_;
  VideoFileInfo info_;
  bool broken_ = false;
};

}  // namespace

ChildVideoOpener::ChildVideoOpener(ChildVideoOptions options)
    : options_(std::move(options)), places_(std::make_shared<Places>(options_.max_children)) {}

Result<std::unique_ptr<VideoReader>> ChildVideoOpener::open(std::shared_ptr<const Fd> file) {
  if (!file->ok()) return invalid_argument("no regular file");
  Place place(places_);
  auto process = ChildProcess::start(options_.command, file->get());
  if (!process) return internal_error("{}", process.error().message);
  auto reader =
      std::make_unique<ChildReader>(std::move(place), std::move(*process), options_.limits);
  GLMV_RETURN_IF_ERROR(reader->open(options_.start_timeout));
  return reader;
}

}  // namespace glmv::media
