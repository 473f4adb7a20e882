#include "apps/glmv/video_flags.h"

#include <charconv>
#include <cmath>

namespace glmv::app {

std::optional<double> parse_seconds(std::string_view text) {
  double seconds = 0;
  for (int part = 0; part < 3; ++part) {
    const std::string_view digits = text.substr(0, text.find(':'));
    const bool last = digits.size() == text.size();
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool number = error == std::errc() && end == digits.data() + digits.size();
    if (!number || !(value >= 0) || !(value < 1e9) || (part > 0 && value >= 60)) return {};
    seconds = seconds * 60 + value;
    if (last) return seconds;
    text.remove_prefix(digits.size() + 1);
  }
  return {};
}

void add_video_flags(CLI::App& command, VideoFlags& flags) {
  const std::string group = "Video";
  command.add_option("-v,--video", flags.videos, "video file, repeatable")
      ->allow_extra_args(false)
      ->group(group);
  command
      .add_option("--fps", flags.fps,
                  "frames that are taken of a second (default: by the model's rule); with "
                  "--frame-images, their rate (24)")
      ->check(CLI::Range(1e-3, 1000.0))
      ->group(group);
  command.add_option("--frames", flags.num_frames, "take so many frames at most, evenly spread")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000}))
      ->group(group);
  command
      .add_option("--clip", flags.clip,
                  "only this part of the video: BEGIN-END, each in seconds or as 1:30; one may be "
                  "left out")
      ->group(group);
}

Result<std::vector<text::ContentPart>> video_parts(const VideoFlags& flags) {
  text::ContentPart part{
      .kind = text::PartKind::kVideo, .fps = flags.fps, .max_frames = flags.num_frames};
  if (!flags.clip.empty()) {
    const size_t dash = flags.clip.find('-');
    const std::string_view clip = flags.clip;
    const std::string_view begin = clip.substr(0, dash);
    const std::string_view end =
        dash == clip.npos ? clip.substr(clip.size()) : clip.substr(dash + 1);
    const std::optional<double> from = begin.empty() ? 0.0 : parse_seconds(begin);
    const std::optional<double> to = end.empty() ? 0.0 : parse_seconds(end);
    if (dash == clip.npos || !from || !to || (!end.empty() && *to <= *from)) {
      return invalid_argument("--clip {}: write BEGIN-END, as 90-120 or 1:30-2:00", flags.clip);
    }
    part.begin_s = *from;
    part.end_s = *to;
  }
  std::vector<text::ContentPart> parts;
  for (const std::string& path : flags.videos) {
    part.source = path;
    parts.push_back(part);
  }
  return parts;
}

}  // namespace glmv::app
