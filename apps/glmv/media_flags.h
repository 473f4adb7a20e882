#pragma once
// Flags of serve about pictures and videos in requests.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "glmv/server/media_loader.h"

namespace glmv::app {

struct MediaFlags {
  server::MediaLimits limits;
  int64_t max_video_mb = 128;
  std::vector<std::string> per_prompt;  // "image=N", "video=N"
  std::vector<std::string> domains;
  int max_redirects = 0;
  std::string folder;
  bool allow_root = false;
  std::string decoder = "child";
};
void add_media_flags(CLI::App& command, MediaFlags& flags);

// Opens the folder and starts the decoder. Errors: not_found, invalid_argument, unavailable.
Result<server::MediaOptions> media_options(const MediaFlags& flags);

}  // namespace glmv::app
