#include "glmv/processing/frame_sampling.h"

#include <algorithm>
#include <cmath>

namespace glmv::processing {
namespace {

constexpr double kGlm4vMaxDuration = 300.0;
constexpr double kGlm46vMaxDuration = 2400.0;
constexpr int64_t kGlm46vMaxFrames = 640;
constexpr int64_t kFramesPerSlice = 2;
constexpr int64_t kMaxFrames = int64_t{1} << 40;

double linspace_at(double first, double last, int64_t count, int64_t i) {
  if (count == 1) return first;
  if (i == count - 1) return last;
  const double step = (last - first) / static_cast<double>(count - 1);
  return static_cast<double>(i) * step + first;
}

std::vector<int64_t> spread(int64_t first, int64_t last, int64_t count) {
  std::vector<int64_t> indices(count);
  for (int64_t i = 0; i < count; ++i) {
    indices[i] = static_cast<int64_t>(
        linspace_at(static_cast<double>(first), static_cast<double>(last), count, i));
  }
  return indices;
}

// Frame index of a time that may be huge.
int64_t frame_at(double position, int64_t last) {
  return position >= static_cast<double>(last) ? last : static_cast<int64_t>(std::ceil(position));
}

std::vector<int64_t> sample_glm4v(const VideoInfo& video, double duration, double fps) {
  const int64_t last = video.num_frames - 1;
  std::vector<int64_t> indices;
  if (duration <= kGlm4vMaxDuration) {
    const double wanted = std::max(std::floor(duration * fps), 1.0);
    for (int64_t i = 0; static_cast<double>(i) < wanted; ++i) {
      indices.push_back(frame_at(static_cast<double>(i) * video.fps / fps, last));
      // All later ones repeat the last frame and would be removed.
      if (indices.back() == last) break;
    }
    return indices;
  }
  const int64_t wanted = static_cast<int64_t>(kGlm4vMaxDuration * fps);
  if (wanted >= video.num_frames) return spread(0, last, video.num_frames);
  for (int64_t i = 0; i < wanted; ++i) {
    indices.push_back(frame_at(linspace_at(0.0, duration, wanted, i) * video.fps, last));
  }
  return indices;
}

std::vector<int64_t> sample_glm46v(const VideoInfo& video, double duration) {
  const double effective = std::min(duration, kGlm46vMaxDuration);
  const double slices_per_second = effective <= 30 ? 3.0 : effective <= 300 ? 1.0 : 0.5;
  const int64_t wanted = std::clamp<int64_t>(
      static_cast<int64_t>(effective * slices_per_second * kFramesPerSlice), 1, kGlm46vMaxFrames);
  const int64_t last = video.num_frames - 1;
  if (video.num_frames < wanted) return spread(0, last, wanted);

  std::vector<int64_t> indices;
  const double seconds_per_frame = 1.0 / video.fps;
  const double step = 1.0 / (kFramesPerSlice * slices_per_second);
  const double end = std::trunc(duration);
  double next = 0.0;
  for (int64_t i = 0; i < video.num_frames; ++i) {
    if (static_cast<double>(i) * seconds_per_frame < next) continue;
    next += step;
    indices.push_back(i);
    if (next >= end) break;
  }
  const int64_t taken = static_cast<int64_t>(indices.size());
  if (taken < wanted) return spread(indices.front(), indices.back(), wanted);
  if (taken > wanted) return spread(0, last, wanted);
  return indices;
}

}  // namespace

std::vector<int64_t> spread_frames(int64_t num_frames, int64_t max_count) {
  return spread(0, num_frames - 1, std::min(num_frames, max_count));
}

Result<std::vector<int64_t>> sample_frames(const VideoInfo& video, VideoStyle style,
                                           double requested_fps) {
  if (video.num_frames < 1 || video.num_frames > kMaxFrames) {
    return invalid_argument("the video has {} frames", video.num_frames);
  }
  if (!(video.fps > 0) || !std::isfinite(video.fps)) {
    return invalid_argument("the video's frame rate is {}; it must be known to sample frames",
                            video.fps);
  }
  if (!(requested_fps > 0) || !(requested_fps <= 1000)) {
    return invalid_argument("sampling at {} frames per second; expected 0 to 1000", requested_fps);
  }
  const double given = video.duration_s.value_or(0.0);
  if (!(given >= 0) || !std::isfinite(given)) {
    return invalid_argument("the video's duration is {} s", given);
  }
  const double duration =
      given > 0 ? given
                : std::nearbyint(static_cast<double>(video.num_frames - 1) / video.fps) + 1.0;
  std::vector<int64_t> indices = style == VideoStyle::kGlm4v
                                     ? sample_glm4v(video, duration, requested_fps)
                                     : sample_glm46v(video, duration);
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  if (indices.size() % 2 == 1) indices.push_back(indices.back());
  return indices;
}

}  // namespace glmv::processing
