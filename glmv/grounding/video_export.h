#pragma once
// Frames of a video into new files: with boxes drawn on them, or parts of it.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "glmv/media/video_cutter.h"
#include "glmv/media/video_reader.h"
#include "glmv/media/video_writer.h"
#include "glmv/parsers/timeline.h"
#include "glmv/parsers/tracking.h"

namespace glmv::grounding {

// Frames done of all; false ends it (cancelled, and no file is left).
using OnProgress = std::function<bool(int64_t done, int64_t total)>;

struct FrameSpan {
  int64_t first = 0, last = 0;  // both included
};
// The frames shown from begin_s on and before end_s (0: to the end), at least one. Errors:
// invalid_argument (begins behind the end).
Result<FrameSpan> frames_between(const media::VideoFileInfo& info, double begin_s, double end_s);

// Encodes the frames at the rate of the file, without sound. Errors: the reader's and the writer's.
Result<void> encode_span(media::VideoReader& reader, FrameSpan span,
                         const std::filesystem::path& path, media::VideoCodec codec,
                         const OnProgress& on_progress = {});

// The same with the boxes of each frame's time.
Result<void> draw_tracks(media::VideoReader& reader, FrameSpan span,
                         const parsers::TrackingAnswer& tracks, bool interpolate,
                         const std::filesystem::path& path, media::VideoCodec codec,
                         const OnProgress& on_progress = {});

struct HighlightOptions {
  // Frame by frame and encoded anew, without sound; else copied from the key frame before.
  bool exact = false;
  media::VideoCodec codec = media::VideoCodec::kVp9;
  double moment_s = 2;  // on both sides of an event that names no end
};

struct Highlight {
  std::filesystem::path path;
  double begin_s = 0, end_s = 0;  // of the file that was written
  std::string text;
};

// A file in `folder` (made where it is missing) for each event that lies in the video, in its
// order: 01-0m05s-the_dog_runs.mp4. Errors: those of the parts, naming the event.
Result<std::vector<Highlight>> cut_highlights(media::VideoReader& reader,
                                              const std::shared_ptr<const Fd>& file,
                                              const media::VideoCutter& cutter,
                                              const std::vector<parsers::TimedEvent>& events,
                                              const std::filesystem::path& folder,
                                              const HighlightOptions& options,
                                              const OnProgress& on_progress = {});

}  // namespace glmv::grounding
