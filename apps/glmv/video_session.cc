#include "apps/glmv/video_session.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/glmv/command.h"
#include "glmv/grounding/timeline_files.h"
#include "glmv/media/child_video_opener.h"
#include "glmv/media/contact_sheet.h"
#include "glmv/media/png_writer.h"
#include "glmv/media/source.h"
#include "glmv/media/video_source.h"

namespace glmv::app {
namespace {

// Frames of a sheet at most; more cannot be told apart.
constexpr int64_t kMaxCells = 1000;
constexpr double kMaxSeconds = 1200;

double rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

}  // namespace

Result<VideoSession> VideoSession::open(const std::string& path, const ModelFlags& model,
                                        int64_t max_pixels) {
  VideoSession video;
  video.path_ = path;
  video.max_pixels_ = max_pixels;
  GLMV_ASSIGN(video.rules_, media_rules(model));
  GLMV_ASSIGN(media::VideoSource source, media::open_video_source(path));
  // Tracks are drawn on every frame of the file, however long that takes.
  media::ChildVideoOpener opener({.limits = {.max_seconds = kMaxSeconds}});
  auto reader = opener.open(source.file, [] { return !interrupted(); });
  if (!reader) return in_context(source.name, reader.error());
  video.file_ = std::move(source.file);
  video.reader_ = std::move(*reader);
  return video;
}

Result<processing::VideoPlan> VideoSession::plan(const text::ContentPart& part) const {
  auto plan =
      processing::plan_video(info(), part, rules_.config,
                             processing::part_max_pixels(part, max_pixels_, rules_.config.video));
  if (!plan) return in_context("video " + media::short_name(path_), plan.error());
  return plan;
}

Result<std::vector<double>> VideoSession::frame_times(const text::ContentPart& part) const {
  GLMV_ASSIGN(processing::VideoPlan planned, plan(part));
  return std::move(planned.times_s);
}

Result<void> VideoSession::write_sheet(const processing::VideoPlan& plan, const std::string& path) {
  // The last frame may come twice; once is enough here.
  std::vector<int64_t> indices;
  for (const int64_t index : plan.indices) {
    if (indices.empty() || indices.back() != index) indices.push_back(index);
  }
  if (std::ssize(indices) > kMaxCells) {
    std::vector<int64_t> fewer;
    for (int64_t i = 0; i < kMaxCells; ++i) {
      fewer.push_back(indices[i * (std::ssize(indices) - 1) / (kMaxCells - 1)]);
    }
    indices = std::move(fewer);
  }
  const media::SheetLayout layout =
      media::lay_out_sheet(indices.size(), info().width, info().height);
  std::vector<media::Image> frames;
  std::vector<std::string> captions;
  GLMV_RETURN_IF_ERROR(reader_->read(
      indices, layout.cell_width, layout.cell_height, [&](int64_t index, media::Image frame) {
        frames.push_back(std::move(frame));
        captions.push_back(grounding::clock_text(static_cast<double>(index) / info().fps));
        return !interrupted();
      }));
  GLMV_ASSIGN(const media::Image sheet, media::draw_contact_sheet(frames, captions));
  return media::write_png(path, sheet);
}

std::string times_text(const std::vector<double>& times_s) {
  std::string text;
  for (const double t : times_s) text += (text.empty() ? "" : " ") + fmt::format("{}", rounded(t));
  return text;
}

std::string plan_text(const VideoSession& video, const processing::VideoPlan& plan) {
  const media::VideoFileInfo& info = video.info();
  const std::string guess =
      video.rules_known()
          ? ""
          : "the server does not say which frames it takes; by the rule of GLM-4.1V "
            "and GLM-4.5V, which may not be its own:\n";
  return guess +
         fmt::format(
             "{} frames of {} ({:.6g} fps, {} x {}, for the model {} x {}), at seconds:\n{}\n",
             plan.times_s.size(), grounding::clock_text(info.duration_s), info.fps, info.width,
             info.height, plan.size.width, plan.size.height, times_text(plan.times_s));
}

Json plan_json(const VideoSession& video, const processing::VideoPlan& plan) {
  const media::VideoFileInfo& info = video.info();
  Json times = Json::array();
  for (const double t : plan.times_s) times.push_back(rounded(t));
  return {{"video", video.path()},
          {"duration", info.duration_s},
          {"fps", info.fps},
          {"num_frames", info.num_frames},
          {"width", info.width},
          {"height", info.height},
          {"model_width", plan.size.width},
          {"model_height", plan.size.height},
          {"rule_known", video.rules_known()},
          {"frame_indices", plan.indices},
          {"frame_times", std::move(times)}};
}

}  // namespace glmv::app
