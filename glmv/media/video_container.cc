#include "glmv/media/video_container.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/mem.h>
}

namespace glmv::media {
namespace {

constexpr int kBufferBytes = 1 << 16;

// What people hold in their hands. Others, playlists above all, name further files.
constexpr char kFormats[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpeg,mpegts,mpegvideo,ogg,gif,apng";

// The turn that a display matrix asks for; mirrors are not used by cameras.
int orientation_of(const AVStream& stream) {
  const uint8_t* matrix = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
  if (matrix == nullptr) return 1;
  const double angle = -av_display_rotation_get(reinterpret_cast<const int32_t*>(matrix));
  if (!std::isfinite(angle)) return 1;
  switch ((static_cast<int>(std::lround(angle / 90)) % 4 + 4) % 4) {
    case 1:
      return 6;
    case 2:
      return 3;
    case 3:
      return 8;
    default:
      return 1;
  }
}

}  // namespace

void AvFree::operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
void AvFree::operator()(AVFormatContext* format) const { avformat_close_input(&format); }
void AvFree::operator()(AVFrame* frame) const { av_frame_free(&frame); }
void AvFree::operator()(AVPacket* packet) const { av_packet_free(&packet); }
void AvFree::operator()(AVIOContext* io) const {
  av_freep(&io->buffer);
  avio_context_free(&io);
}

std::string av_error_text(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

int VideoContainer::Input::read(void* opaque, uint8_t* buffer, int size) {
  auto& input = *static_cast<Input*>(opaque);
  while (true) {
    const ssize_t got =
        ::pread(input.file->get(), buffer, static_cast<size_t>(size), input.position);
    if (got > 0) {
      input.position += got;
      return static_cast<int>(got);
    }
    if (got == 0) return AVERROR_EOF;
    if (errno != EINTR) return AVERROR(errno);
  }
}

int64_t VideoContainer::Input::seek(void* opaque, int64_t offset, int whence) {
  auto& input = *static_cast<Input*>(opaque);
  struct stat status{};
  if (::fstat(input.file->get(), &status) != 0) return AVERROR(errno);
  if (whence == AVSEEK_SIZE) return status.st_size;
  switch (whence & ~AVSEEK_FORCE) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      offset += input.position;
      break;
    case SEEK_END:
      offset += status.st_size;
      break;
    default:
      return AVERROR(EINVAL);
  }
  if (offset < 0) return AVERROR(EINVAL);
  return input.position = offset;
}

VideoContainer::~VideoContainer() = default;

Result<std::unique_ptr<VideoContainer>> VideoContainer::with_format(std::shared_ptr<const Fd> file,
                                                                    const VideoLimits& limits) {
  struct stat status{};
  if (!file->ok() || ::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return invalid_argument("no regular file");
  }
  std::unique_ptr<VideoContainer> container(new VideoContainer);
  container->input_ = std::make_unique<Input>(std::move(file));
  GLMV_RETURN_IF_ERROR(container->open_format(limits));
  return container;
}

Result<std::unique_ptr<VideoContainer>> VideoContainer::open(std::shared_ptr<const Fd> file,
                                                             const VideoLimits& limits) {
  GLMV_ASSIGN(auto container, with_format(std::move(file), limits));
  GLMV_RETURN_IF_ERROR(container->scan(limits));
  return container;
}

Result<std::unique_ptr<VideoContainer>> VideoContainer::again(const VideoLimits& limits) const {
  GLMV_ASSIGN(auto container, with_format(input_->file, limits));
  container->info_ = info_;
  container->times_ = times_;
  container->keys_ = keys_;
  container->first_time_ = first_time_;
  if (!container->seek(0)) return invalid_argument("the file cannot be wound back");
  return container;
}

Result<void> VideoContainer::open_format(const VideoLimits& limits) {
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) return resource_exhausted("no memory");
  io_.reset(avio_alloc_context(buffer, kBufferBytes, 0, input_.get(), &Input::read, nullptr,
                               &Input::seek));
  if (!io_) {
    av_free(buffer);
    return resource_exhausted("no memory");
  }
  AVFormatContext* format = avformat_alloc_context();
  if (format == nullptr) return resource_exhausted("no memory");
  format->pb = io_.get();
  format->flags |= AVFMT_FLAG_CUSTOM_IO;
  format->format_whitelist = av_strdup(kFormats);
  format->protocol_whitelist = av_strdup("");
  // On an error it frees the context.
  if (const int error = avformat_open_input(&format, nullptr, nullptr, nullptr); error < 0) {
    if (error == AVERROR(ENOMEM)) return resource_exhausted("no memory");
    return unsupported("no video file, or a damaged one ({})", av_error_text(error));
  }
  format_.reset(format);
  if (const int error = avformat_find_stream_info(format, nullptr); error < 0) {
    return invalid_argument("the streams cannot be read ({})", av_error_text(error));
  }
  for (unsigned i = 0; i < format->nb_streams; ++i) {
    AVStream* const stream = format->streams[i];
    const bool is_video = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
                          (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
    if (is_video && stream_ == nullptr) {
      stream_ = stream;
    } else {
      stream->discard = AVDISCARD_ALL;
    }
  }
  if (stream_ == nullptr) return unsupported("the file has no video stream");
  const AVCodecParameters& codec = *stream_->codecpar;
  if (codec.width < 1 || codec.height < 1) {
    return invalid_argument("the size of the frames cannot be found: the beginning is damaged");
  }
  if (codec.height > limits.max_pixels / codec.width) {
    return resource_exhausted("the frames have {} x {} pixels, more than {} in all", codec.width,
                              codec.height, limits.max_pixels);
  }
  orientation_ = orientation_of(*stream_);
  info_.width = orientation_ >= 5 ? codec.height : codec.width;
  info_.height = orientation_ >= 5 ? codec.width : codec.height;
  ahead_.reset(av_packet_alloc());
  if (!ahead_) return resource_exhausted("no memory");
  return {};
}

Result<void> VideoContainer::scan(const VideoLimits& limits) {
  struct Entry {
    int64_t shown, wound;  // when it is shown; what to wind to
    bool key;
  };
  std::vector<Entry> entries;
  bool counted = false;  // the file does not say when frames are shown
  const AvPtr<AVPacket> packet(av_packet_alloc());
  if (!packet) return resource_exhausted("no memory");
  while (next(*packet)) {
    const bool shown = (packet->flags & AV_PKT_FLAG_DISCARD) == 0;
    const int64_t dts = packet->dts, pts = packet->pts;
    const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    av_packet_unref(packet.get());
    const int64_t wound = dts == AV_NOPTS_VALUE ? pts : dts;
    if (wound != AV_NOPTS_VALUE) first_time_ = std::min(first_time_, wound);
    if (!shown) continue;  // cut away by an edit list
    counted = counted || pts == AV_NOPTS_VALUE;
    if (std::ssize(entries) >= limits.max_frames) {
      return resource_exhausted("the video has more than {} frames", limits.max_frames);
    }
    entries.push_back({pts, wound, key});
  }
  if (entries.empty()) return invalid_argument("the video has no frames: the file is cut off");
  if (!counted) {
    std::ranges::stable_sort(entries, {}, &Entry::shown);
    for (size_t i = 1; i < entries.size(); ++i) {
      counted = counted || entries[i].shown == entries[i - 1].shown;
    }
  }
  if (first_time_ == INT64_MAX) first_time_ = 0;
  info_.num_frames = std::ssize(entries);
  const int64_t listed = stream_->nb_frames;
  if (listed > info_.num_frames && listed <= limits.max_frames) info_.listed_frames = listed;
  if (!counted) {
    for (const Entry& entry : entries) {
      if (entry.key) keys_.push_back({std::ssize(times_), entry.shown, entry.wound});
      times_.push_back(entry.shown);
    }
  }
  info_.fps = av_q2d(stream_->avg_frame_rate);
  if (!(info_.fps > 0) || !std::isfinite(info_.fps)) info_.fps = av_q2d(stream_->r_frame_rate);
  if ((!(info_.fps > 0) || !std::isfinite(info_.fps)) && times_.size() > 1) {
    info_.fps = static_cast<double>(times_.size() - 1) /
                (static_cast<double>(times_.back() - times_.front()) * av_q2d(stream_->time_base));
  }
  if (!(info_.fps > 0) || !std::isfinite(info_.fps)) {
    return invalid_argument("the frame rate cannot be found");
  }
  info_.duration_s = static_cast<double>(info_.num_frames) / info_.fps;
  // Whatever follows begins here again.
  if (!seek(0)) return invalid_argument("the file cannot be wound back");
  return {};
}

int64_t VideoContainer::key_frame(int64_t index) const {
  const auto after = std::ranges::upper_bound(keys_, index, {}, &Key::index);
  return after == keys_.begin() ? 0 : std::prev(after)->index;
}

bool VideoContainer::seek(int64_t index) {
  av_packet_unref(ahead_.get());
  const auto key = std::ranges::lower_bound(keys_, index, {}, &Key::index);
  if (index == 0 || key == keys_.end()) {
    // Some containers can be wound back only roughly, or by bytes.
    return wind_to(first_time_) ||
           av_seek_frame(format_.get(), stream_->index, first_time_, AVSEEK_FLAG_BACKWARD) >= 0 ||
           av_seek_frame(format_.get(), -1, 0, AVSEEK_FLAG_BYTE) >= 0;
  }
  // By when it is shown or by when it is decoded: containers differ, and with the other time end
  // up at the key frame before it.
  if (wind_to(key->shown) && next(*ahead_)) {
    const int64_t there = ahead_->dts == AV_NOPTS_VALUE ? ahead_->pts : ahead_->dts;
    if (there == key->wound) return true;
    av_packet_unref(ahead_.get());
  }
  return wind_to(key->wound);
}

bool VideoContainer::wind_to(int64_t time) {
  return avformat_seek_file(format_.get(), stream_->index, INT64_MIN, time, time, 0) >= 0;
}

bool VideoContainer::next(AVPacket& packet) {
  if (ahead_->data != nullptr && &packet != ahead_.get()) {
    av_packet_move_ref(&packet, ahead_.get());
    return true;
  }
  while (av_read_frame(format_.get(), &packet) >= 0) {
    if (packet.stream_index == stream_->index) return true;
    av_packet_unref(&packet);
  }
  return false;
}

}  // namespace glmv::media
