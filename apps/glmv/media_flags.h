#pragma once
// Flags of serve about pictures, videos and documents in requests.

#include <string>
#include <vector>

#include "apps/glmv/cli_forward.h"
#include "glmv/server/media_loader.h"

namespace glmv::app {

struct MediaFlags {
  server::MediaLimits limits;
  int64_t max_video_mb = 256;
  int64_t max_document_mb = 30;
  int64_t max_pages = 60;
  int64_t document_tokens = 0;          // 0: by the context
  std::vector<std::string> per_prompt;  // "image=N", "video=N", "document=N"
  std::vector<std::string> domains;
  int max_redirects = 0;
  std::string folder;
  bool allow_root = false;
  std::string decoder = "child";
};
void add_media_flags(CLI::App& command, MediaFlags& flags);

// Opens the folder and starts the decoder. Documents are taken where poppler is installed. Errors:
// not_found, invalid_argument, unavailable.
Result<server::MediaOptions> media_options(const MediaFlags& flags);

}  // namespace glmv::app
