#pragma once
// Reads videos in child processes that may do nothing but compute (video_child.h): a video that
// breaks a decoder ends its child and nothing else. One child a video.

#include <chrono>
#include <semaphore>
#include <string>
#include <vector>

#include "glmv/base/child_process.h"
#include "glmv/media/video_reader.h"

namespace glmv::media {

struct ChildVideoOptions {
  // Starts a program that calls serve_video_requests(kChildSocket).
  std::vector<std::string> command = {kThisProgram, "decode-video"};
  VideoLimits limits;
  int max_children = 2;  // at once; who comes then waits
  std::chrono::milliseconds start_timeout{30'000};
};

class ChildVideoOpener final : public VideoOpener {
 public:
  explicit ChildVideoOpener(ChildVideoOptions options = {});
  Result<std::unique_ptr<VideoReader>> open(std::shared_ptr<const Fd> file,
                                            Wanted wanted = {}) override;

 private:
  const ChildVideoOptions options_;
  const std::shared_ptr<std::counting_semaphore<>> places_;
};

}  // namespace glmv::media
