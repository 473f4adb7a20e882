#pragma once
// A video file and what the model sees of it.

#include <memory>
#include <string>
#include <vector>

#include "apps/glmv/load_backend.h"
#include "glmv/base/fd.h"
#include "glmv/base/json.h"
#include "glmv/media/video_reader.h"
#include "glmv/processing/video_plan.h"

namespace glmv::app {

// Read in a child process.
class VideoSession {
 public:
  // Frames are chosen by the model's rules (media_rules()); nothing of its weights is read.
  // `max_pixels`: of a frame, as requests have it.
  static Result<VideoSession> open(const std::string& path, const ModelFlags& model,
                                   int64_t max_pixels);

  const std::string& path() const { return path_; }
  const std::shared_ptr<const Fd>& file() const { return file_; }
  media::VideoReader& reader() { return *reader_; }
  // False: a server chooses the frames and does not say how, so that plans are guesses.
  bool rules_known() const { return rules_.videos_known; }
  const media::VideoFileInfo& info() const { return reader_->info(); }

  Result<processing::VideoPlan> plan(const text::ContentPart& part) const;
  Result<std::vector<double>> frame_times(const text::ContentPart& part) const;

  // The sampled frames side by side as a PNG file.
  Result<void> write_sheet(const processing::VideoPlan& plan, const std::string& path);

 private:
  VideoSession() = default;

  std::string path_;
  std::shared_ptr<const Fd> file_;
  std::unique_ptr<media::VideoReader> reader_;
  MediaRules rules_;
  int64_t max_pixels_ = 0;
};

// "12 frames of 0:05.2 (25 fps, 640 x 480, for the model 448 x 336), at seconds:\n0 0.5 1 ...", and
// that it is a guess where it is one.
std::string plan_text(const VideoSession& video, const processing::VideoPlan& plan);
Json plan_json(const VideoSession& video, const processing::VideoPlan& plan);

// Seconds with three decimals at most, in a row.
std::string times_text(const std::vector<double>& times_s);

}  // namespace glmv::app
