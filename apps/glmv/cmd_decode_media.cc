// glmv decode-media, decode-video and cut-video: the child processes in which pictures and videos
// are decoded and cut.
// Started by glmv only.

#include <CLI/CLI.hpp>

#include "apps/glmv/command.h"
#include "glmv/base/child_process.h"
#include "glmv/media/decode_child.h"
#include "glmv/media/video_child.h"
#include "glmv/media/video_cutter.h"

namespace glmv::app {

void add_decode_media(CLI::App& command, int& exit_code) {
  auto max_pixels = std::make_shared<int64_t>(0);
  command.add_option("max-pixels", *max_pixels)
      ->required()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31));
  command.callback([max_pixels, &exit_code] {
    exit_code = report(media::serve_decode_requests(kChildSocket, *max_pixels));
  });
}

void add_decode_video(CLI::App& command, int& exit_code) {
  command.callback([&exit_code] { exit_code = report(media::serve_video_requests(kChildSocket)); });
}

void add_cut_video(CLI::App& command, int& exit_code) {
  command.callback([&exit_code] { exit_code = report(media::serve_video_cut(kChildSocket)); });
}

}  // namespace glmv::app
