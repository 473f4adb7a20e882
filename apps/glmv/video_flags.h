#pragma once
// Flags that name a video and what of it is meant.

#include <string>
#include <vector>

#include "apps/glmv/cli_forward.h"
#include "glmv/text/messages.h"

namespace glmv::app {

struct VideoFlags {
  std::vector<std::string> videos;  // files
  double fps = 0;
  int64_t num_frames = 0;
  std::string clip;  // BEGIN-END
};
void add_video_flags(CLI::App& command, VideoFlags& flags);

// A part for each file. invalid_argument: the clip cannot be read.
Result<std::vector<text::ContentPart>> video_parts(const VideoFlags& flags);

}  // namespace glmv::app
