#include "glmv/grounding/video_export.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "glmv/grounding/crops.h"
#include "glmv/grounding/tracks.h"
#include "glmv/media/draw.h"

namespace glmv::grounding {
namespace {

namespace fs = std::filesystem;

// Of one call of the reader, whose time is limited.
constexpr int64_t kFramesAtOnce = 512;

using Change = std::function<Result<media::Image>(int64_t index, media::Image frame)>;

Result<void> encode(media::VideoReader& reader, FrameSpan span, const fs::path& path,
                    media::VideoCodec codec, const Change& change, const OnProgress& on_progress) {
  const media::VideoFileInfo& info = reader.info();
  GLMV_ASSIGN(
      const auto writer,
      media::VideoWriter::open(
          path, {.width = info.width, .height = info.height, .fps = info.fps, .codec = codec}));
  const int64_t total = span.last - span.first + 1;
  int64_t done = 0;
  for (int64_t first = span.first; first <= span.last; first += kFramesAtOnce) {
    std::vector<int64_t> indices(std::min(kFramesAtOnce, span.last - first + 1));
    std::iota(indices.begin(), indices.end(), first);
    Result<void> written;
    const auto read = reader.read(indices, 0, 0, [&](int64_t index, media::Image frame) {
      if (on_progress && !on_progress(done++, total)) {
        written = cancelled("{}: stopped", path.string());
        return false;
      }
      if (!change) {
        written = writer->write(frame);
        return written.has_value();
      }
      const auto changed = change(index, std::move(frame));
      if (!changed) {
        written = std::unexpected(changed.error());
        return false;
      }
      written = writer->write(*changed);
      return written.has_value();
    });
    GLMV_RETURN_IF_ERROR(written);
    GLMV_RETURN_IF_ERROR(read);
  }
  return writer->finish();
}

struct Span {
  double begin_s, end_s;
};

// What of the video an event is about; an end at or before the begin: nothing.
Span span_of(const parsers::TimedEvent& event, double duration_s, double moment_s) {
  if (event.begin_s >= duration_s) return {0, 0};
  if (event.end_s > event.begin_s) return {event.begin_s, std::min(event.end_s, duration_s)};
  return {std::max(0.0, event.begin_s - moment_s), std::min(event.begin_s + moment_s, duration_s)};
}

}  // namespace

Result<FrameSpan> frames_between(const media::VideoFileInfo& info, double begin_s, double end_s) {
  const auto count = static_cast<double>(info.num_frames);
  const double first = std::ceil(begin_s * info.fps - 1e-6);
  if (!(first >= 0) || first >= count) {
    return invalid_argument("the part begins at {} s, the video has {:.3f} s", begin_s,
                            info.duration_s);
  }
  const double end = end_s > 0 ? std::min(std::ceil(end_s * info.fps - 1e-6), count) : count;
  return FrameSpan{static_cast<int64_t>(first), static_cast<int64_t>(std::max(end - 1, first))};
}

Result<void> encode_span(media::VideoReader& reader, FrameSpan span, const fs::path& path,
                         media::VideoCodec codec, const OnProgress& on_progress) {
  return encode(reader, span, path, codec, {}, on_progress);
}

Result<void> draw_tracks(media::VideoReader& reader, FrameSpan span,
                         const parsers::TrackingAnswer& tracks, bool interpolate,
                         const fs::path& path, media::VideoCodec codec,
                         const OnProgress& on_progress) {
  const double fps = reader.info().fps;
  return encode(
      reader, span, path, codec,
      [&](int64_t index, media::Image frame) -> Result<media::Image> {
        const auto shapes = boxes_at(tracks, static_cast<double>(index) / fps, interpolate);
        if (shapes.empty()) return frame;
        return media::draw_shapes(frame, shapes);
      },
      on_progress);
}

Result<std::vector<Highlight>> cut_highlights(
    media::VideoReader& reader, const std::shared_ptr<const Fd>& file,
    const media::VideoCutter& cutter, const std::vector<parsers::TimedEvent>& events,
    const fs::path& folder, const HighlightOptions& options, const OnProgress& on_progress) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return invalid_argument("{}: no folder can be made: {}", folder.string(), error.message());
  std::vector<Highlight> made;
  for (const parsers::TimedEvent& event : events) {
    const Span part = span_of(event, reader.info().duration_s, options.moment_s);
    if (part.end_s <= part.begin_s) continue;
    const std::string word = file_word(event.text);
    const auto whole = static_cast<int64_t>(part.begin_s);
    const fs::path path = folder / fmt::format("{:02}-{}m{:02}s{}{}", made.size() + 1, whole / 60,
                                               whole % 60, word.empty() ? "" : "-", word);
    Highlight highlight{.text = event.text};
    if (options.exact) {
      highlight.path = path;
      highlight.path += ".mp4";
      GLMV_ASSIGN(const FrameSpan span, frames_between(reader.info(), part.begin_s, part.end_s));
      GLMV_RETURN_IF_ERROR(encode_span(reader, span, highlight.path, options.codec, on_progress));
      highlight.begin_s = static_cast<double>(span.first) / reader.info().fps;
      highlight.end_s = static_cast<double>(span.last + 1) / reader.info().fps;
    } else {
      if (on_progress && !on_progress(0, 1)) return cancelled("{}: stopped", path.string());
      GLMV_ASSIGN(auto cut, cutter.cut(file, {.begin_s = part.begin_s, .end_s = part.end_s}, path));
      highlight.path = std::move(cut.first);
      highlight.begin_s = cut.second.begin_s;
      highlight.end_s = cut.second.end_s;
    }
    made.push_back(std::move(highlight));
  }
  return made;
}

}  // namespace glmv::grounding
