#pragma once
// cut_video() in a child process that may do nothing but compute, one a part: a video that breaks a
// demuxer ends its child and nothing else.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/child_process.h"
#include "glmv/media/video_cut.h"

namespace glmv::media {

struct VideoCutterOptions {
  // Starts a program that calls serve_video_cut(kChildSocket).
  std::vector<std::string> command = {kThisProgram, "cut-video"};
  double max_seconds = 600;
  size_t max_memory_bytes = size_t{1} << 30;
};

// Thread-safe.
class VideoCutter {
 public:
  explicit VideoCutter(VideoCutterOptions options = {}) : options_(std::move(options)) {}

  // Writes the part to `path` without its ending, which becomes .mp4 or .mkv; the whole name comes
  // back. It appears when it is complete. Errors: as cut_video; unavailable (the child ended).
  Result<std::pair<std::filesystem::path, CutReport>> cut(std::shared_ptr<const Fd> file,
                                                          const CutRequest& request,
                                                          const std::filesystem::path& path) const;

 private:
  const VideoCutterOptions options_;
};

// The child's side. Called by the main thread of a process that does nothing else. Errors:
// unavailable (the socket).
Result<void> serve_video_cut(int socket);

}  // namespace glmv::media
