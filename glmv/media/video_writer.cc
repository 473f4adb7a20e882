#include "glmv/media/video_writer.h"

#include <unistd.h>

#include <cmath>

#include "glmv/base/check.h"
#include "glmv/base/files.h"
#include "glmv/media/video_container.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

namespace glmv::media {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxSide = 16384;
constexpr double kMaxFps = 1000;

struct CodecRow {
  VideoCodec codec;
  const char* name;
  const char* encoders[2];  // of FFmpeg, the first that is there
};
constexpr CodecRow kCodecs[] = {{VideoCodec::kVp9, "vp9", {"libvpx-vp9", nullptr}},
                                {VideoCodec::kH264, "h264", {"libopenh264", "libx264"}},
                                {VideoCodec::kMpeg4, "mpeg4", {"mpeg4", nullptr}}};

const CodecRow& row_of(VideoCodec codec) {
  for (const CodecRow& row : kCodecs) {
    if (row.codec == codec) return row;
  }
  return kCodecs[0];
}

struct FreeOutput {
  void operator()(AVFormatContext* format) const {
    if (format->pb != nullptr) avio_closep(&format->pb);
    avformat_free_context(format);
  }
};
struct FreeScaler {
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};

// Middle quality at a speed that keeps up with decoding.
void set_quality(AVCodecContext& codec) {
  const std::string_view name = codec.codec->name;
  if (name == "libvpx-vp9") {
    codec.bit_rate = 0;
    av_opt_set(codec.priv_data, "crf", "30", 0);
    av_opt_set(codec.priv_data, "deadline", "realtime", 0);
    av_opt_set(codec.priv_data, "cpu-used", "7", 0);
    av_opt_set(codec.priv_data, "row-mt", "1", 0);
  } else if (name == "libx264") {
    av_opt_set(codec.priv_data, "crf", "21", 0);
    av_opt_set(codec.priv_data, "preset", "veryfast", 0);
  } else if (name == "libopenh264") {
    codec.bit_rate = int64_t{codec.width} * codec.height * 4;
  } else {
    codec.flags |= AV_CODEC_FLAG_QSCALE;
    codec.global_quality = 4 * FF_QP2LAMBDA;
  }
}

class FileWriter final : public VideoWriter {
 public:
  explicit FileWriter(fs::path path)
      : path_(std::move(path)),
        temporary_(path_.parent_path() /
                   fmt::format(".{}-{}", ::getpid(), path_.filename().string())) {}
  ~FileWriter() override {
    std::error_code ignored;
    format_.reset();
    if (!done_) fs::remove(temporary_, ignored);
  }

  Result<void> prepare(const VideoWriterOptions& options) {
    if (options.width < 2 || options.height < 2 || options.width > kMaxSide ||
        options.height > kMaxSide) {
      return invalid_argument("a video of {} x {} pixels: sides are from 2 to {}", options.width,
                              options.height, kMaxSide);
    }
    if (!(options.fps > 0) || options.fps > kMaxFps) {
      return invalid_argument("a video with {} frames a second: above 0, at most {}", options.fps,
                              kMaxFps);
    }
    const std::string name = path_.string();
    const AVOutputFormat* const container = av_guess_format(nullptr, name.c_str(), nullptr);
    if (container == nullptr || (container->flags & AVFMT_NOFILE) != 0) {
      return invalid_argument("{}: the ending says no kind of video: use .mp4, .mkv or .webm",
                              name);
    }
    GLMV_RETURN_IF_ERROR(open_codec(options, *container));
    AVFormatContext* format = nullptr;
    const std::string url = "file:" + temporary_.string();  // opened twice: the index moves ahead
    if (avformat_alloc_output_context2(&format, container, nullptr, url.c_str()) < 0) {
      return resource_exhausted("no memory");
    }
    format_.reset(format);
    stream_ = avformat_new_stream(format, nullptr);
    if (stream_ == nullptr ||
        avcodec_parameters_from_context(stream_->codecpar, codec_.get()) < 0) {
      return resource_exhausted("no memory");
    }
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    if (const int error = avio_open(&format->pb, url.c_str(), AVIO_FLAG_WRITE); error < 0) {
      return invalid_argument("{}: cannot be written: {}", name, av_error_text(error));
    }
    AVDictionary* settings = nullptr;
    av_dict_set(&settings, "movflags", "+faststart", 0);
    const int error = avformat_write_header(format, &settings);
    av_dict_free(&settings);
    if (error < 0) {
      return unsupported("{}: {} is not for this kind of file: {}", name, codec_->codec->name,
                         av_error_text(error));
    }
    return {};
  }

  Result<void> write(const Image& image) override {
    GLMV_CHECK(image.width == source_width_ && image.height == source_height_);
    if (av_frame_make_writable(frame_.get()) < 0) return resource_exhausted("no memory");
    const uint8_t* const from[] = {image.data.data()};
    const int strides[] = {image.width * 3};
    sws_scale(scaler_.get(), from, strides, 0, codec_->height, frame_->data, frame_->linesize);
    frame_->pts = num_frames_++;
    return encode(frame_.get());
  }

  Result<void> finish() override {
    GLMV_RETURN_IF_ERROR(encode(nullptr));
    const int error = av_write_trailer(format_.get());
    const int closed = avio_closep(&format_->pb);
    if (error < 0 || closed < 0) {
      return resource_exhausted("{}: cannot be written: {}", path_.string(),
                                av_error_text(error < 0 ? error : closed));
    }
    std::error_code failure;
    fs::rename(temporary_, path_, failure);
    if (failure) return invalid_argument("{}: {}", path_.string(), failure.message());
    done_ = true;
    return {};
  }

 private:
  Result<void> open_codec(const VideoWriterOptions& options, const AVOutputFormat& container) {
    const CodecRow& row = row_of(options.codec);
    const AVCodec* encoder = nullptr;
    for (const char* name : row.encoders) {
      if (encoder == nullptr && name != nullptr) encoder = avcodec_find_encoder_by_name(name);
    }
    if (encoder == nullptr) {
      return unsupported("this system's FFmpeg has no encoder for {}; use vp9 or mpeg4", row.name);
    }
    source_width_ = options.width;
    source_height_ = options.height;
    codec_.reset(avcodec_alloc_context3(encoder));
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    if (!codec_ || !frame_ || !packet_) return resource_exhausted("no memory");
    codec_->width = options.width & ~1;
    codec_->height = options.height & ~1;
    codec_->pix_fmt = AV_PIX_FMT_YUV420P;
    codec_->colorspace = AVCOL_SPC_SMPTE170M;
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->framerate = av_d2q(options.fps, 100'000);
    codec_->time_base = av_inv_q(codec_->framerate);
    codec_->gop_size = static_cast<int>(std::max(1.0, std::round(options.fps * 2)));
    codec_->thread_count = options.num_threads;
    if ((container.flags & AVFMT_GLOBALHEADER) != 0) {
      codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    set_quality(*codec_);
    if (const int error = avcodec_open2(codec_.get(), encoder, nullptr); error < 0) {
      return unsupported("the encoder {} does not take {} x {} pixels at {} a second: {}",
                         encoder->name, codec_->width, codec_->height, options.fps,
                         av_error_text(error));
    }
    frame_->format = codec_->pix_fmt;
    frame_->width = codec_->width;
    frame_->height = codec_->height;
    if (av_frame_get_buffer(frame_.get(), 0) < 0) return resource_exhausted("no memory");
    scaler_.reset(sws_getContext(codec_->width, codec_->height, AV_PIX_FMT_RGB24, codec_->width,
                                 codec_->height, codec_->pix_fmt, SWS_BILINEAR, nullptr, nullptr,
                                 nullptr));
    if (!scaler_) return resource_exhausted("no memory");
    return {};
  }

  // Null: no more.
  Result<void> encode(const AVFrame* frame) {
    int error = avcodec_send_frame(codec_.get(), frame);
    while (error >= 0) {
      error = avcodec_receive_packet(codec_.get(), packet_.get());
      if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return {};
      if (error < 0) break;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      packet_->stream_index = stream_->index;
      error = av_interleaved_write_frame(format_.get(), packet_.get());
    }
    return resource_exhausted("{}: cannot be written: {}", path_.string(), av_error_text(error));
  }

  const fs::path path_, temporary_;
  std::unique_ptr<AVFormatContext, FreeOutput> format_;
  AvPtr<AVCodecContext> codec_;
  AvPtr<AVFrame> frame_;
  AvPtr<AVPacket> packet_;
  std::unique_ptr<SwsContext, FreeScaler> scaler_;
  AVStream* stream_ = nullptr;
  int source_width_ = 0, source_height_ = 0;
  int64_t num_frames_ = 0;
  bool done_ = false;
};

}  // namespace

Result<VideoCodec> parse_video_codec(std::string_view name) {
  for (const CodecRow& row : kCodecs) {
    if (name == row.name) return row.codec;
  }
  return invalid_argument("unknown video codec \"{}\"; known are vp9, h264, mpeg4", name);
}

Result<std::unique_ptr<VideoWriter>> VideoWriter::open(const fs::path& path,
                                                       const VideoWriterOptions& options) {
  av_log_set_level(AV_LOG_QUIET);
  auto writer = std::make_unique<FileWriter>(path);
  GLMV_RETURN_IF_ERROR(writer->prepare(options));
  return writer;
}

}  // namespace glmv::media
