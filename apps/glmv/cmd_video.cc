// glmv video: what a model sees of a video, questions about it, timelines, tracks, highlights.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <iterator>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/load_backend.h"
#include "apps/glmv/progress_line.h"
#include "apps/glmv/reply_printer.h"
#include "apps/glmv/standard_output.h"
#include "apps/glmv/video_flags.h"
#include "apps/glmv/video_session.h"
#include "glmv/base/files.h"
#include "glmv/base/texts.h"
#include "glmv/grounding/timeline_files.h"
#include "glmv/grounding/tracks.h"
#include "glmv/grounding/video_export.h"
#include "glmv/grounding/video_passes.h"

namespace glmv::app {
namespace {

constexpr double kLongVideo_s = 600;  // from here on, --passes auto takes several

struct VideoToolFlags {
  ModelFlags model;
  ChatFlags chat;
  VideoFlags video;
  std::string query, from, json, sheet;
  std::string track, output, codec = "vp9";
  bool interpolate = false;
  int retries = 1;
  bool timeline = false;
  std::string vtt, srt, highlights;
  bool exact = false;
  std::string passes = "auto";
  double segment_s = 0;
  int64_t segment_frames = 8;
  bool quiet = false;
};

using Flags = const VideoToolFlags&;

Result<std::string> read_answer(const std::string& from) {
  if (from == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::error_code error;
  if (from.size() < 4096 && std::filesystem::is_regular_file(from, error)) {
    return read_file(from, size_t{64} << 20);
  }
  return from;
}

// Prints with "-", else writes.
Result<void> put(const std::string& file, const std::string& text) {
  if (file.empty()) return {};
  if (file != "-") return write_file_atomic(file, text);
  fmt::print("{}", text_for(STDOUT_FILENO, text));
  return {};
}

std::string json_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Shows how far a model is, and hears Ctrl-C.
class Asking {
 public:
  explicit Asking(bool quiet)
      : shown_(wants_colour(STDERR_FILENO) && !quiet),
        printer_({.thought = ShowThought::kHide, .progress = shown_, .stats = shown_}) {}

  api::OnChunk on_chunk() {
    return [this](const api::ChatChunk& chunk) {
      if (!chunk.progress_phase.empty()) printer_.on_chunk(chunk);
      return !interrupted();
    };
  }
  void finish(const api::ChatReply& reply) { printer_.finish(reply); }

 private:
  bool shown_;
  ReplyPrinter printer_;
};

grounding::OnProgress progress_of(ProgressLine& line) {
  return [&line](int64_t done, int64_t total) {
    line.show(done, total);
    return !interrupted();
  };
}

struct Asked {
  VideoSession video;
  text::ContentPart part;  // source, clip and rate
  processing::VideoPlan plan;
};

// The answer that is read: of --from, or of the model to this question. nullopt: cancelled.
Result<std::optional<std::string>> answer_to(Flags flags, Asked& asked,
                                             const std::function<std::string(bool again)>& question,
                                             const std::function<bool(const std::string&)>& again) {
  if (!flags.from.empty()) {
    GLMV_ASSIGN(std::string text, read_answer(flags.from));
    return text;
  }
  GLMV_ASSIGN(api::ChatRequest request, chat_request(flags.chat));
  request.keep_box_markers = true;
  GLMV_ASSIGN(const auto backend, load_backend(flags.model));
  if (!flags.quiet) fmt::print(stderr, "{}", plan_text(asked.video, asked.plan));
  for (int attempt = 0;; ++attempt) {
    Asking asking(flags.quiet);
    GLMV_ASSIGN(const api::ChatReply reply,
                backend->chat(grounding::video_request(request, asked.part, question(attempt > 0)),
                              asking.on_chunk()));
    asking.finish(reply);
    if (reply.finish_reason == "cancelled") return std::nullopt;
    if (attempt >= flags.retries || !again(reply.content)) return reply.content;
  }
}

Result<int> run_track(Flags flags, Asked& asked) {
  const media::VideoFileInfo& info = asked.video.info();
  GLMV_ASSIGN(const media::VideoCodec codec, media::parse_video_codec(flags.codec));
  GLMV_ASSIGN(const auto answer,
              answer_to(
                  flags, asked,
                  [&](bool again) { return grounding::tracking_question(flags.track, again); },
                  [&](const std::string& text) {
                    return parsers::parse_tracking(text, info.width, info.height).largest > 1000;
                  }));
  if (!answer) return kExitInterrupted;
  const parsers::TrackingAnswer tracks = parsers::parse_tracking(*answer, info.width, info.height);
  GLMV_RETURN_IF_ERROR(
      put(flags.json, json_text(grounding::tracks_json(tracks, info.width, info.height,
                                                       info.duration_s, *answer))));
  if (flags.json != "-") {
    for (const parsers::TrackedMoment& moment : tracks.moments) {
      fmt::print("{:<8} {} box{}\n", grounding::clock_text(moment.time_s), moment.boxes.size(),
                 moment.boxes.size() == 1 ? "" : "es");
    }
  }
  if (tracks.largest > 1000 && !flags.quiet) {
    fmt::print(stderr, "{}\n",
               tr("warning: the answer has values above 1000, it is in pixels of some size"));
  }
  if (tracks.truncated && !flags.quiet) {
    fmt::print(stderr, "{}\n",
               tr("warning: the answer was cut off; what is complete of it is used"));
  }
  if (tracks.moments.empty()) {
    return unsupported("the answer holds no tracks: {}", answer->substr(0, 300));
  }
  if (flags.output.empty()) return 0;
  GLMV_ASSIGN(const grounding::FrameSpan span,
              grounding::frames_between(info, asked.part.begin_s, asked.part.end_s));
  ProgressLine line;
  const auto drawn = grounding::draw_tracks(asked.video.reader(), span, tracks, flags.interpolate,
                                            flags.output, codec, progress_of(line));
  line.clear();
  GLMV_RETURN_IF_ERROR(drawn);
  return 0;
}

void print_events(const std::vector<parsers::TimedEvent>& events) {
  for (const parsers::TimedEvent& event : events) {
    const std::string end =
        event.is_range ? " - " + grounding::clock_text(event.end_s) : std::string();
    fmt::print("{}{}  {}{}\n", grounding::clock_text(event.begin_s), end,
               text_for(STDOUT_FILENO, event.text),
               event.beyond ? "  " + tr("(behind the end of the video)") : "");
  }
}

Result<int> run_timeline(Flags flags, Asked& asked) {
  const double duration_s = asked.video.info().duration_s;
  GLMV_ASSIGN(const media::VideoCodec codec, media::parse_video_codec(flags.codec));
  GLMV_ASSIGN(const auto answer,
              answer_to(
                  flags, asked, [&](bool) { return grounding::timeline_question(flags.query); },
                  [](const std::string&) { return false; }));
  if (!answer) return kExitInterrupted;
  const std::vector<parsers::TimedEvent> events = parsers::parse_timeline(*answer, duration_s);
  GLMV_RETURN_IF_ERROR(
      put(flags.json, json_text(grounding::timeline_json(events, duration_s, *answer))));
  GLMV_RETURN_IF_ERROR(put(flags.vtt, grounding::webvtt(events, duration_s)));
  GLMV_RETURN_IF_ERROR(put(flags.srt, grounding::subrip(events, duration_s)));
  if (flags.json != "-" && flags.vtt != "-" && flags.srt != "-") print_events(events);
  if (events.empty()) return unsupported("the answer holds no times: {}", answer->substr(0, 300));
  if (flags.highlights.empty()) return 0;
  ProgressLine line;
  const auto made = grounding::cut_highlights(
      asked.video.reader(), asked.video.file(), media::VideoCutter(), events, flags.highlights,
      {.exact = flags.exact, .codec = codec}, progress_of(line));
  line.clear();
  if (!made) return std::unexpected(made.error());
  for (const grounding::Highlight& highlight : *made) {
    fmt::print(stderr, "{}  {} - {}\n", highlight.path.string(),
               grounding::clock_text(highlight.begin_s), grounding::clock_text(highlight.end_s));
  }
  return 0;
}

void print_pass(const grounding::VideoPass& pass) {
  if (pass.frame_times_s.empty()) {
    fmt::print(stderr, "{}: {}\n", pass.name, text_for(STDERR_FILENO, pass.text));
    return;
  }
  fmt::print(stderr, "{} [{} - {}], {} frames at {}\n", pass.name,
             grounding::clock_text(pass.begin_s), grounding::clock_text(pass.end_s),
             pass.frame_times_s.size(), times_text(pass.frame_times_s));
  if (pass.name != "question") fmt::print(stderr, "  {}\n", text_for(STDERR_FILENO, pass.text));
}

Json passes_json(const Asked& asked, const grounding::VideoAnswer& answer) {
  Json passes = Json::array();
  for (const grounding::VideoPass& pass : answer.passes) {
    passes.push_back({{"name", pass.name},
                      {"begin", pass.begin_s},
                      {"end", pass.end_s},
                      {"frame_times", pass.frame_times_s},
                      {"text", pass.text}});
  }
  Json out = plan_json(asked.video, asked.plan);
  out["passes"] = std::move(passes);
  out["answer"] = answer.reply.content;
  out["finish_reason"] = answer.reply.finish_reason;
  return out;
}

Result<int> run_question(Flags flags, Asked& asked) {
  const double end = asked.part.end_s > 0 ? asked.part.end_s : asked.video.info().duration_s;
  const bool several =
      flags.passes == "on" || (flags.passes == "auto" && end - asked.part.begin_s > kLongVideo_s);
  GLMV_ASSIGN(const api::ChatRequest request, chat_request(flags.chat));
  GLMV_ASSIGN(const auto backend, load_backend(flags.model));
  const grounding::VideoQuestion question{
      .video = asked.part, .query = flags.query, .duration_s = asked.video.info().duration_s};
  const grounding::PlanFrames plan = [&](const text::ContentPart& part) {
    return asked.video.frame_times(part);
  };
  Asking asking(flags.quiet);
  if (!several && !flags.quiet) fmt::print(stderr, "{}", plan_text(asked.video, asked.plan));
  GLMV_ASSIGN(const grounding::VideoAnswer answer,
              several ? grounding::ask_in_passes(*backend, request, question,
                                                 {.segment_s = flags.segment_s,
                                                  .segment_frames = flags.segment_frames,
                                                  .fps = flags.video.fps,
                                                  .max_frames = flags.video.num_frames},
                                                 plan, asking.on_chunk(),
                                                 [&](const grounding::VideoPass& pass) {
                                                   if (!flags.quiet) print_pass(pass);
                                                 })
                      : grounding::ask_video(*backend, request, question, plan, asking.on_chunk()));
  asking.finish(answer.reply);
  GLMV_RETURN_IF_ERROR(put(flags.json, json_text(passes_json(asked, answer))));
  if (flags.json != "-") fmt::print("{}\n", text_for(STDOUT_FILENO, answer.reply.content));
  return answer.reply.finish_reason == "cancelled" ? kExitInterrupted : 0;
}

Result<int> run_video(Flags flags) {
  const bool timeline =
      flags.timeline || !flags.vtt.empty() || !flags.srt.empty() || !flags.highlights.empty();
  if (flags.video.videos.size() != 1) {
    return invalid_argument(
        "{}", tr(flags.video.videos.empty() ? "no video: glmv video FILE -q \"What happens?\""
                                            : "one video at a time: glmv video FILE -q \"What "
                                              "happens?\""));
  }
  if (timeline && !flags.track.empty()) {
    return invalid_argument("{}",
                            tr("--track and --timeline are two questions: ask them one by one"));
  }
  if (!flags.output.empty() && flags.track.empty()) {
    return invalid_argument("{}", tr_format("-o {}: it is what --track draws into", flags.output));
  }
  if (!flags.from.empty() && !timeline && flags.track.empty()) {
    return invalid_argument("{}", tr("--from: say what it is an answer to: --track or --timeline"));
  }
  GLMV_ASSIGN(std::vector<text::ContentPart> parts, video_parts(flags.video));
  GLMV_ASSIGN(VideoSession video,
              VideoSession::open(flags.video.videos[0], flags.model, flags.chat.max_pixels));
  Asked asked{std::move(video), std::move(parts[0]), {}};
  GLMV_ASSIGN(asked.plan, asked.video.plan(asked.part));
  catch_interrupts();
  if (!flags.sheet.empty()) {
    GLMV_RETURN_IF_ERROR(asked.video.write_sheet(asked.plan, flags.sheet));
  }
  if (!flags.track.empty()) return run_track(flags, asked);
  if (timeline) return run_timeline(flags, asked);
  if (!flags.query.empty()) return run_question(flags, asked);
  GLMV_RETURN_IF_ERROR(put(flags.json, json_text(plan_json(asked.video, asked.plan))));
  if (flags.json != "-") fmt::print("{}", plan_text(asked.video, asked.plan));
  return 0;
}

}  // namespace

void add_video(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<VideoToolFlags>();
  add_model_flags(command, flags->model);
  add_server_flags(command, flags->model);
  add_chat_flags(command, flags->chat);
  add_video_flags(command, flags->video);
  command.add_option("video", flags->video.videos, "video file");
  command.add_option("-q,--query", flags->query,
                     "question; without one, prints which frames the model sees");
  command.add_option("--sheet", flags->sheet, "PNG: these frames side by side, with their times");
  command.add_option("--json", flags->json, "JSON of what is found; - prints it");
  command.add_option("--from", flags->from,
                     "no model: an answer, a file with one, or - for standard input");
  command.add_flag("--quiet", flags->quiet, "no progress, no lists of frames");
  const std::string track = "Tracks";
  command.add_option("--track", flags->track, "what to follow: \"the red car\"")->group(track);
  command.add_option("-o,--output", flags->output, "MP4, MKV or WebM with the boxes drawn")
      ->group(track);
  command
      .add_flag("--interpolate", flags->interpolate,
                "boxes move from one second to the next instead of staying")
      ->group(track);
  command
      .add_option("--retries", flags->retries, "times to ask again when the answer is in pixels")
      ->check(CLI::Range(0, 10))
      ->capture_default_str()
      ->group(track);
  command.add_option("--codec", flags->codec, "of videos that are encoded: vp9, h264 or mpeg4")
      ->capture_default_str()
      ->group(track);
  const std::string times = "Timelines";
  command
      .add_flag("--timeline", flags->timeline,
                "what happens when; with -q only events that show this")
      ->group(times);
  command.add_option("--vtt", flags->vtt, "its WebVTT chapters; - prints them")->group(times);
  command.add_option("--srt", flags->srt, "its SubRip file; - prints it")->group(times);
  command.add_option("--highlights", flags->highlights, "folder: a video of each event")
      ->group(times);
  command
      .add_flag("--exact", flags->exact,
                "highlights frame by frame and encoded anew, without sound; else copied from the "
                "key frame before")
      ->group(times);
  const std::string passes = "Long videos";
  command
      .add_option("--passes", flags->passes,
                  "on: captions of segments first, then the question on those it is about; auto: "
                  "from 10 minutes on")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str()
      ->group(passes);
  command.add_option("--segment", flags->segment_s, "seconds of a segment (0: a twelfth)")
      ->check(CLI::NonNegativeNumber)
      ->group(passes);
  command.add_option("--segment-frames", flags->segment_frames, "frames of each for its caption")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}))
      ->capture_default_str()
      ->group(passes);
  command.callback([flags, &exit_code] { exit_code = report(run_video(*flags)); });
}

}  // namespace glmv::app
