#include "glmv/media/video_cut.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <map>

#include "glmv/media/video_container.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
}

namespace glmv::media {
namespace {

constexpr int kBufferBytes = 1 << 16;
// As VideoContainer has it: others, playlists above all, name further files.
constexpr char kFormats[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpeg,mpegts,mpegvideo,ogg,gif,apng";

int read_bytes(void* opaque, uint8_t* buffer, int size) {
  while (true) {
    const ssize_t got = ::read(static_cast<const Fd*>(opaque)->get(), buffer, size_t(size));
    if (got > 0) return static_cast<int>(got);
    if (got == 0) return AVERROR_EOF;
    if (errno != EINTR) return AVERROR(errno);
  }
}

int64_t seek_bytes(void* opaque, int64_t offset, int whence) {
  const int file = static_cast<const Fd*>(opaque)->get();
  if (whence != AVSEEK_SIZE) return ::lseek(file, offset, whence & ~AVSEEK_FORCE);
  const off_t here = ::lseek(file, 0, SEEK_CUR), end = ::lseek(file, 0, SEEK_END);
  ::lseek(file, here, SEEK_SET);
  return end;
}

struct FreeFormat {
  void operator()(AVFormatContext* format) const { avformat_free_context(format); }
};

// Where the muxer writes.
struct Sink {
  const WriteAt& write;
  uint64_t max_bytes;
  int64_t position = 0, size = 0;
  bool stopped = false, full = false;

  static int put(void* opaque, uint8_t* bytes, int count) {
    Sink& sink = *static_cast<Sink*>(opaque);
    if (static_cast<uint64_t>(sink.position) + static_cast<uint64_t>(count) > sink.max_bytes) {
      sink.full = true;
      return AVERROR(ENOSPC);
    }
    if (!sink.write(static_cast<uint64_t>(sink.position),
                    {reinterpret_cast<const char*>(bytes), static_cast<size_t>(count)})) {
      sink.stopped = true;
      return AVERROR_EXIT;
    }
    sink.position += count;
    sink.size = std::max(sink.size, sink.position);
    return count;
  }
  static int64_t seek(void* opaque, int64_t offset, int whence) {
    Sink& sink = *static_cast<Sink*>(opaque);
    if (whence == AVSEEK_SIZE) return sink.size;
    const int64_t to = (whence & ~AVSEEK_FORCE) == SEEK_CUR   ? sink.position + offset
                       : (whence & ~AVSEEK_FORCE) == SEEK_END ? sink.size + offset
                                                              : offset;
    if (to < 0) return AVERROR(EINVAL);
    return sink.position = to;
  }
};

AvPtr<AVIOContext> make_io(bool for_writing, void* opaque, int (*read)(void*, uint8_t*, int),
                           int (*write)(void*, uint8_t*, int),
                           int64_t (*seek)(void*, int64_t, int)) {
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) return nullptr;
  AvPtr<AVIOContext> io(
      avio_alloc_context(buffer, kBufferBytes, for_writing ? 1 : 0, opaque, read, write, seek));
  if (!io) av_free(buffer);
  return io;
}

class Cutter {
 public:
  Cutter(std::shared_ptr<const Fd> file, const CutRequest& request, const WriteAt& write)
      : file_(std::move(file)), request_(request), sink_{write, request.max_bytes} {}

  Result<CutReport> cut() {
    GLMV_RETURN_IF_ERROR(open_input());
    GLMV_RETURN_IF_ERROR(open_output());
    GLMV_RETURN_IF_ERROR(wind());
    GLMV_RETURN_IF_ERROR(copy());
    if (report_.num_frames == 0) {
      return invalid_argument("the part from {} s to {} s holds no frame", request_.begin_s,
                              request_.end_s);
    }
    if (const int error = av_write_trailer(output_.get()); error < 0) return failed(error);
    avio_flush(output_io_.get());
    if (output_io_->error < 0) return failed(output_io_->error);
    return report_;
  }

 private:
  std::unexpected<Status> failed(int error) const {
    if (sink_.stopped) return cancelled("cutting a video was stopped");
    if (sink_.full) {
      return resource_exhausted("the part has more than {} bytes", request_.max_bytes);
    }
    if (error == AVERROR(ENOMEM)) return resource_exhausted("no memory");
    return unsupported("the part cannot be copied ({}); encode it anew", av_error_text(error));
  }

  Result<void> open_input() {
    if (!file_->ok() || ::lseek(file_->get(), 0, SEEK_SET) != 0) {
      return invalid_argument("no regular file");
    }
    input_io_ = make_io(false, const_cast<Fd*>(file_.get()), &read_bytes, nullptr, &seek_bytes);
    AVFormatContext* format = avformat_alloc_context();
    if (!input_io_ || format == nullptr) return resource_exhausted("no memory");
    format->pb = input_io_.get();
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    format->format_whitelist = av_strdup(kFormats);
    format->protocol_whitelist = av_strdup("");
    if (const int error = avformat_open_input(&format, nullptr, nullptr, nullptr); error < 0) {
      return unsupported("no video file, or a damaged one ({})", av_error_text(error));
    }
    input_.reset(format);
    if (const int error = avformat_find_stream_info(format, nullptr); error < 0) {
      return invalid_argument("the streams cannot be read ({})", av_error_text(error));
    }
    for (unsigned i = 0; i < format->nb_streams; ++i) {
      AVStream* const stream = format->streams[i];
      const bool cover = (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
      if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !cover && video_ == nullptr) {
        video_ = stream;
      } else if (stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO && audio_ == nullptr) {
        audio_ = stream;
      } else {
        stream->discard = AVDISCARD_ALL;
      }
    }
    if (video_ == nullptr) return unsupported("the file has no video stream");
    return {};
  }

  static bool fits(const AVOutputFormat* container, const AVStream* stream) {
    return stream == nullptr ||
           avformat_query_codec(container, stream->codecpar->codec_id, FF_COMPLIANCE_NORMAL) == 1;
  }

  Result<void> open_output() {
    const AVOutputFormat* container = av_guess_format("mp4", nullptr, nullptr);
    if (container == nullptr || !fits(container, video_) || !fits(container, audio_)) {
      container = av_guess_format("matroska", nullptr, nullptr);
      report_.is_matroska = true;
    }
    AVFormatContext* format = nullptr;
    if (container == nullptr ||
        avformat_alloc_output_context2(&format, container, nullptr, nullptr) < 0) {
      return resource_exhausted("no memory");
    }
    output_.reset(format);
    output_io_ = make_io(true, &sink_, nullptr, &Sink::put, &Sink::seek);
    if (!output_io_) return resource_exhausted("no memory");
    format->pb = output_io_.get();
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    for (AVStream* const stream : {video_, audio_}) {
      if (stream == nullptr) continue;
      AVStream* const copy = avformat_new_stream(format, nullptr);
      if (copy == nullptr || avcodec_parameters_copy(copy->codecpar, stream->codecpar) < 0) {
        return resource_exhausted("no memory");
      }
      copy->codecpar->codec_tag = 0;  // of the other container
      copy->time_base = stream->time_base;
      copy->avg_frame_rate = stream->avg_frame_rate;
      copy->sample_aspect_ratio = stream->sample_aspect_ratio;
      copy_rotation(*stream, *copy);
      streams_[stream->index] = copy;
    }
    report_.has_sound = audio_ != nullptr;
    if (const int error = avformat_write_header(format, nullptr); error < 0) return failed(error);
    return {};
  }

  static void copy_rotation(const AVStream& from, AVStream& to) {
    size_t size = 0;
    const uint8_t* matrix = av_stream_get_side_data(&from, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (matrix == nullptr) return;
    if (uint8_t* copy = av_stream_new_side_data(&to, AV_PKT_DATA_DISPLAYMATRIX, size)) {
      std::memcpy(copy, matrix, size);
    }
  }

  int64_t video_time(double seconds) const {
    const int64_t start = video_->start_time == AV_NOPTS_VALUE ? 0 : video_->start_time;
    return start + static_cast<int64_t>(std::llround(seconds / av_q2d(video_->time_base)));
  }
  double video_seconds(int64_t time) const {
    const int64_t start = video_->start_time == AV_NOPTS_VALUE ? 0 : video_->start_time;
    return static_cast<double>(time - start) * av_q2d(video_->time_base);
  }

  Result<void> wind() {
    if (!(request_.begin_s >= 0) || !(request_.end_s > request_.begin_s) || request_.end_s > 1e7) {
      return invalid_argument("the part from {} s to {} s: expected an end behind its begin",
                              request_.begin_s, request_.end_s);
    }
    const int64_t begin = video_time(request_.begin_s);
    if (request_.begin_s > 0 &&
        av_seek_frame(input_.get(), video_->index, begin, AVSEEK_FLAG_BACKWARD) < 0) {
      av_seek_frame(input_.get(), -1, 0, AVSEEK_FLAG_BACKWARD);
    }
    return {};
  }

  Result<void> copy() {
    const AvPtr<AVPacket> packet(av_packet_alloc());
    if (!packet) return resource_exhausted("no memory");
    const int64_t end = video_time(request_.end_s);
    bool video_ended = false, audio_ended = audio_ == nullptr;
    while (!(video_ended && audio_ended) && av_read_frame(input_.get(), packet.get()) >= 0) {
      const AVStream& stream = *input_->streams[packet->stream_index];
      const bool is_video = &stream == video_;
      const int64_t shown = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
      if ((!is_video && &stream != audio_) || shown == AV_NOPTS_VALUE) {
        av_packet_unref(packet.get());
        continue;
      }
      const int64_t on_video_clock = av_rescale_q(shown, stream.time_base, video_->time_base);
      const int64_t decoded =
          packet->dts != AV_NOPTS_VALUE && is_video ? packet->dts : on_video_clock;
      bool take = decoded < end;
      if (is_video && !take) video_ended = true;
      if (!is_video && !take) audio_ended = true;
      if (is_video && !begun_) {
        take = take && (packet->flags & AV_PKT_FLAG_KEY) != 0;
        if (take) begin_with(on_video_clock);
      } else if (!is_video) {
        take = take && begun_ && on_video_clock >= first_;
      } else {
        // Shown before the key frame: they need what is not copied.
        take = take && on_video_clock >= first_ && on_video_clock < end;
      }
      if (!take) {
        av_packet_unref(packet.get());
        continue;
      }
      if (is_video) {
        ++report_.num_frames;
        report_.end_s = std::max(
            report_.end_s, video_seconds(on_video_clock + std::max<int64_t>(packet->duration, 0)));
      }
      if (const int error = put(*packet, stream); error < 0) return failed(error);
    }
    return {};
  }

  void begin_with(int64_t time) {
    begun_ = true;
    first_ = time;
    report_.begin_s = std::max(0.0, video_seconds(time));
  }

  // The part begins at zero.
  int put(AVPacket& packet, const AVStream& from) {
    AVStream& to = *streams_[from.index];
    const int64_t offset = av_rescale_q(first_, video_->time_base, from.time_base);
    if (packet.pts != AV_NOPTS_VALUE) packet.pts -= offset;
    if (packet.dts != AV_NOPTS_VALUE) packet.dts -= offset;
    av_packet_rescale_ts(&packet, from.time_base, to.time_base);
    packet.stream_index = to.index;
    packet.pos = -1;
    return av_interleaved_write_frame(output_.get(), &packet);
  }

  const std::shared_ptr<const Fd> file_;
  const CutRequest request_;
  Sink sink_;
  AvPtr<AVIOContext> input_io_, output_io_;
  AvPtr<AVFormatContext> input_;
  std::unique_ptr<AVFormatContext, FreeFormat> output_;
  AVStream* video_ = nullptr;
  AVStream* audio_ = nullptr;
  std::map<int, AVStream*> streams_;
  bool begun_ = false;
  int64_t first_ = 0;  // when its first frame is shown, on the video's clock
  CutReport report_;
};

}  // namespace

Result<CutReport> cut_video(std::shared_ptr<const Fd> file, const CutRequest& request,
                            const WriteAt& write) {
  av_log_set_level(AV_LOG_QUIET);
  return Cutter(std::move(file), request, write).cut();
}

}  // namespace glmv::media
