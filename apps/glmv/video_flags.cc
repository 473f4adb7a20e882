#include <CLI/CLI.hpp>

#include "apps/glmv/video_flags.h"

#include "glmv/terminal/attachment.h"

namespace glmv::app {

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
    if (auto set = terminal::set_clip(flags.clip, part); !set) {
      return in_context("--clip", set.error());
    }
  }
  std::vector<text::ContentPart> parts;
  for (const std::string& path : flags.videos) {
    part.source = path;
    parts.push_back(part);
  }
  return parts;
}

}  // namespace glmv::app
