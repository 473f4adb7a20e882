#pragma once
// Questions about a video: at once, or, of a long one, in passes: a caption for each segment, then
// the question on the segments that it is about, with more frames.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/api/chat_backend.h"

namespace glmv::grounding {

struct VideoQuestion {
  text::ContentPart video;  // source, and the part and rate that are asked for
  std::string query;
  double duration_s = 0;
};

// The times of the frames that the model sees of a part.
using PlanFrames = std::function<Result<std::vector<double>>(const text::ContentPart&)>;

// One request and what it saw.
struct VideoPass {
  std::string name;  // "question", "segment 3", "choice"
  double begin_s = 0, end_s = 0;
  std::vector<double> frame_times_s;  // none: text only
  std::string text;                   // the answer
};

struct VideoAnswer {
  std::vector<VideoPass> passes;
  api::ChatReply reply;  // of the last
};

// A request about a part, with `text`.
api::ChatRequest video_request(const api::ChatRequest& base, const text::ContentPart& video,
                               const std::string& text);

// One pass.
Result<VideoAnswer> ask_video(api::ChatBackend& backend, const api::ChatRequest& base,
                              const VideoQuestion& question, const PlanFrames& plan,
                              const api::OnChunk& on_chunk = {});

struct PassOptions {
  double segment_s = 0;        // 0: an even share of the video, 12 segments
  int64_t segment_frames = 8;  // of each segment for its caption
  double fps = 0;              // of the last pass; 0: twice that of one pass over the whole
  int64_t max_frames = 0;      // of the last pass; 0: no limit but the model's
};

// `on_pass` is told of every pass when it is done. Cancelled replies end it; the passes so far come
// back. Errors: invalid_argument (more than 200 segments), the backend's.
Result<VideoAnswer> ask_in_passes(api::ChatBackend& backend, const api::ChatRequest& base,
                                  const VideoQuestion& question, const PassOptions& options,
                                  const PlanFrames& plan, const api::OnChunk& on_chunk = {},
                                  const std::function<void(const VideoPass&)>& on_pass = {});

// The numbers 1 to count in an answer, ascending, each once. Times and decimals are no numbers.
std::vector<size_t> parse_choice(std::string_view answer, size_t count);

std::string timeline_question(const std::string& query);
std::string tracking_question(const std::string& query, bool again);

}  // namespace glmv::grounding
