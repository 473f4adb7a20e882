#include "glmv/processing/video_plan.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "glmv/processing/frame_sampling.h"
#include "glmv/processing/image_processor.h"

namespace glmv::processing {
namespace {

// Tokens of a picture with Detail::kLow.
constexpr int64_t kLowDetailTokens = 256;

struct Clip {
  int64_t first = 0, num_frames = 0;
};

// Frames that are shown within [begin_s, end_s].
Result<Clip> clip_of(const media::VideoFileInfo& file, const text::ContentPart& part) {
  if (!(part.begin_s >= 0) || !(part.end_s >= 0) ||
      (part.end_s > 0 && part.end_s <= part.begin_s)) {
    return invalid_argument("the part from {} s to {} s: expected an end behind its begin",
                            part.begin_s, part.end_s);
  }
  const auto last = static_cast<double>(file.num_frames - 1);
  const double first = std::ceil(part.begin_s * file.fps - 1e-6);
  if (first > last) {
    return invalid_argument("the part begins at {} s, the video has {:.3f} s", part.begin_s,
                            file.duration_s);
  }
  const double end =
      part.end_s > 0 ? std::min(std::floor(part.end_s * file.fps + 1e-6), last) : last;
  return Clip{static_cast<int64_t>(first),
              std::max<int64_t>(static_cast<int64_t>(end) - static_cast<int64_t>(first) + 1, 1)};
}

}  // namespace

RgbPixels shared_pixels(media::Image image) {
  const auto owner = std::make_shared<const media::Image>(std::move(image));
  return {owner->width, owner->height, std::shared_ptr<const uint8_t>(owner, owner->data.data())};
}

int64_t part_max_pixels(const text::ContentPart& part, int64_t request_max_pixels,
                        const MediaConfig& media) {
  const int64_t factor = media.patch_size * media.merge_size;
  if (request_max_pixels < 0) return request_max_pixels;  // PatchBuilder refuses it
  int64_t least = 0;
  for (const int64_t limit :
       {request_max_pixels, part.max_pixels,
        part.detail == text::Detail::kLow ? kLowDetailTokens * factor * factor : 0}) {
    if (limit > 0 && (least == 0 || limit < least)) least = limit;
  }
  return least;
}

Result<VideoPlan> plan_video(const media::VideoFileInfo& file, const text::ContentPart& part,
                             const ProcessorConfig& config, int64_t max_pixels) {
  GLMV_ASSIGN(const Clip clip, clip_of(file, part));
  // transformers samples from what the header lists, and goes without frames that then do not come.
  const bool whole = part.begin_s == 0 && part.end_s == 0;
  const int64_t num_frames =
      whole ? std::max(file.listed_frames, clip.num_frames) : clip.num_frames;
  const VideoInfo sampled{num_frames, file.fps, static_cast<double>(num_frames) / file.fps};
  VideoPlan plan;
  // Only the older rule knows a frame rate.
  GLMV_ASSIGN(plan.indices, part.fps > 0
                                ? sample_frames(sampled, VideoStyle::kGlm4v, part.fps)
                                : sample_frames(sampled, config.sampling, config.sampling_fps));
  std::erase_if(plan.indices, [&](int64_t index) { return index >= clip.num_frames; });
  if (plan.indices.size() % 2 == 1) plan.indices.push_back(plan.indices.back());
  const auto count = static_cast<int64_t>(plan.indices.size());
  if (part.max_frames > 0 && part.max_frames < count) {
    std::vector<int64_t> taken;
    for (const int64_t i : spread_frames(count, part.max_frames)) taken.push_back(plan.indices[i]);
    plan.indices = std::move(taken);
  }
  for (int64_t& index : plan.indices) {
    index += clip.first;
    plan.times_s.push_back(static_cast<double>(index) / file.fps);
  }
  GLMV_ASSIGN(plan.size, resized(config.video, MediaKind::kVideo, std::ssize(plan.indices),
                                 {file.height, file.width}, max_pixels));
  return plan;
}

Result<void> read_video(media::VideoReader& reader, const VideoPlan& plan, text::ContentPart& part,
                        const Wanted& wanted, Preparation* preparation) {
  std::vector<RgbPixels> frames;
  GLMV_RETURN_IF_ERROR(reader.read(
      plan.indices, static_cast<int>(plan.size.width), static_cast<int>(plan.size.height),
      [&](int64_t, media::Image frame) {
        frames.push_back(shared_pixels(std::move(frame)));
        if (preparation != nullptr) {
          preparation->count(MediaUnit::kFrames, std::ssize(frames), std::ssize(plan.indices));
        }
        return is_wanted(wanted);
      }));
  part.pixels = std::move(frames);
  part.pixels_fit = true;
  part.frame_times_s = plan.times_s;
  part.source.clear();
  part.max_frames = 0;
  return {};
}

}  // namespace glmv::processing
