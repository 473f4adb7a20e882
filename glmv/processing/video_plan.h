#pragma once
// Which frames of a video file the model sees, when they are shown, and how large.

#include <cstdint>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/base/rgb_pixels.h"
#include "glmv/media/video_reader.h"
#include "glmv/processing/grid.h"
#include "glmv/processing/preparation.h"
#include "glmv/processing/processor_config.h"
#include "glmv/text/messages.h"

namespace glmv::processing {

struct VideoPlan {
  std::vector<int64_t> indices;  // ascending; the last may come twice
  std::vector<double> times_s;   // index / fps, from the beginning of the file
  FrameSize size;                // after resize
};

// By the checkpoint's rule for the whole video or the part of it that `part` names (begin_s,
// end_s); with part.fps, so many frames a second; with part.max_frames, at most so many of them,
// evenly spread. `max_pixels`: per frame after resize, 0 for no further limit.
// Errors: invalid_argument (a part behind the end; sample_frames' and smart_resize's).
Result<VideoPlan> plan_video(const media::VideoFileInfo& file, const text::ContentPart& part,
                             const ProcessorConfig& config, int64_t max_pixels);

// Who holds them frees the picture.
RgbPixels shared_pixels(media::Image image);

// Reads the frames of the plan into part.pixels and their times into part.frame_times_s, and clears
// what they came from. `preparation` may be null.
Result<void> read_video(media::VideoReader& reader, const VideoPlan& plan, text::ContentPart& part,
                        const Wanted& wanted = {}, Preparation* preparation = nullptr);

// The limit of a picture or frame after resize that a part and its request set; 0: none but the
// config's. Negative where the request's is.
int64_t part_max_pixels(const text::ContentPart& part, int64_t request_max_pixels,
                        const MediaConfig& media);

}  // namespace glmv::processing
