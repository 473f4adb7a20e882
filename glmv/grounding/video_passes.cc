#include "glmv/grounding/video_passes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "glmv/grounding/timeline_files.h"
#include "glmv/parsers/answer.h"

namespace glmv::grounding {
namespace {

constexpr int kDefaultSegments = 12;
constexpr size_t kMaxSegments = 200;
constexpr size_t kMaxCaptionBytes = 600;
constexpr size_t kMaxChosen = 3;

struct Segment {
  double begin_s, end_s;
  std::string caption;
};

std::string on_one_line(std::string text) {
  text = parsers::strip_box_markers(text);
  std::ranges::replace(text, '\n', ' ');
  if (text.size() > kMaxCaptionBytes) text.resize(kMaxCaptionBytes);
  return text;
}

// Words of at least three letters, lower case; bytes beyond ASCII one by one, so that scripts
// without blanks have something in common too.
std::multiset<std::string> words_of(std::string_view text) {
  std::multiset<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (word.size() >= 3) words.insert(word);
    word.clear();
  };
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const bool letter = (lower >= 'a' && lower <= 'z') || (static_cast<unsigned char>(c) >= 0x80);
    if (letter) {
      word += lower;
    } else {
      end_word();
    }
  }
  end_word();
  return words;
}

// What the question shares most words with; the first of equals.
size_t most_alike(const std::vector<Segment>& segments, const std::string& query) {
  const std::multiset<std::string> wanted = words_of(query);
  size_t best = 0, best_count = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    size_t count = 0;
    for (const std::string& word : words_of(segments[i].caption)) count += wanted.count(word);
    if (count > best_count) {
      best = i;
      best_count = count;
    }
  }
  return best;
}

std::vector<Segment> segments_of(const VideoQuestion& question, double segment_s) {
  const double begin = question.video.begin_s;
  const double end = question.video.end_s > 0 ? std::min(question.video.end_s, question.duration_s)
                                              : question.duration_s;
  const double step = segment_s > 0 ? segment_s : (end - begin) / kDefaultSegments;
  std::vector<Segment> segments;
  for (double at = begin; at < end - 1e-6 && segments.size() <= kMaxSegments; at += step) {
    segments.push_back({at, std::min(at + step, end), ""});
  }
  return segments;
}

std::string span_text(double begin_s, double end_s) {
  return clock_text(begin_s) + " - " + clock_text(end_s);
}

class Passes {
 public:
  Passes(api::ChatBackend& backend, const api::ChatRequest& base, const VideoQuestion& question,
         const PassOptions& options, const PlanFrames& plan, const api::OnChunk& on_chunk,
         const std::function<void(const VideoPass&)>& on_pass)
      : backend_(backend),
        base_(base),
        question_(question),
        options_(options),
        plan_(plan),
        on_chunk_(on_chunk),
        on_pass_(on_pass) {}

  Result<VideoAnswer> run() {
    segments_ = segments_of(question_, options_.segment_s);
    if (segments_.empty() || segments_.size() > kMaxSegments) {
      return invalid_argument("{} segments or more: from 1 to {} are possible; choose longer ones",
                              segments_.size(), kMaxSegments);
    }
    for (size_t i = 0; i < segments_.size(); ++i) {
      GLMV_ASSIGN(const bool more, caption(i));
      if (!more) return std::move(answer_);
    }
    GLMV_ASSIGN(const std::vector<size_t> chosen, choose());
    if (chosen.empty()) return std::move(answer_);  // cancelled
    GLMV_RETURN_IF_ERROR(ask(chosen));
    return std::move(answer_);
  }

 private:
  // False: cancelled.
  Result<bool> send(VideoPass pass, const api::ChatRequest& request) {
    GLMV_ASSIGN(answer_.reply, backend_.chat(request, on_chunk_));
    pass.text = answer_.reply.content;
    if (on_pass_) on_pass_(pass);
    answer_.passes.push_back(std::move(pass));
    return answer_.reply.finish_reason != "cancelled";
  }

  text::ContentPart part(double begin_s, double end_s) const {
    text::ContentPart part = question_.video;
    part.begin_s = begin_s;
    part.end_s = end_s;
    return part;
  }

  Result<bool> caption(size_t i) {
    Segment& segment = segments_[i];
    text::ContentPart video = part(segment.begin_s, segment.end_s);
    video.fps = 0;
    video.max_frames = options_.segment_frames;
    VideoPass pass{fmt::format("segment {}", i + 1), segment.begin_s, segment.end_s, {}, {}};
    GLMV_ASSIGN(pass.frame_times_s, plan_(video));
    GLMV_ASSIGN(const bool more,
                send(std::move(pass),
                     video_request(base_, video,
                                   "Describe in one or two sentences what this part of a video "
                                   "shows: who, what, where, and any text.")));
    segment.caption = on_one_line(answer_.reply.content);
    return more;
  }

  // None: cancelled.
  Result<std::vector<size_t>> choose() {
    std::string text = "These are the parts of a video in order.\n";
    for (size_t i = 0; i < segments_.size(); ++i) {
      text +=
          fmt::format("{}. [{}] {}\n", i + 1, span_text(segments_[i].begin_s, segments_[i].end_s),
                      segments_[i].caption);
    }
    text +=
        "Which of these parts must be looked at to answer the question below? Answer with "
        "their numbers only, at most three.\nQuestion: " +
        question_.query;
    api::ChatRequest request = base_;
    request.messages.push_back(text::Message::user(std::move(text)));
    GLMV_ASSIGN(const bool more, send({"choice", question_.video.begin_s, 0, {}, {}}, request));
    if (!more) return std::vector<size_t>();
    std::vector<size_t> chosen = parse_choice(answer_.reply.content, segments_.size());
    if (chosen.size() > kMaxChosen) chosen.resize(kMaxChosen);
    if (chosen.empty()) chosen = {most_alike(segments_, question_.query) + 1};
    return chosen;
  }

  // Neighbours are one part.
  Result<void> ask(const std::vector<size_t>& chosen) {
    std::vector<Segment> parts;
    for (const size_t number : chosen) {
      const Segment& segment = segments_[number - 1];
      if (!parts.empty() && segment.begin_s - parts.back().end_s < 1e-6) {
        parts.back().end_s = segment.end_s;
      } else {
        parts.push_back({segment.begin_s, segment.end_s, ""});
      }
    }
    GLMV_ASSIGN(const double fps, last_rate());
    api::ChatRequest request = base_;
    text::Message message = text::Message::user("");
    message.content.clear();
    message.content_is_string = false;
    VideoPass pass{"question", parts.front().begin_s, parts.back().end_s, {}, {}};
    for (const Segment& one : parts) {
      text::ContentPart video = part(one.begin_s, one.end_s);
      video.fps = fps;
      video.max_frames = options_.max_frames;
      GLMV_ASSIGN(const std::vector<double> times, plan_(video));
      pass.frame_times_s.insert(pass.frame_times_s.end(), times.begin(), times.end());
      message.content.push_back(std::move(video));
    }
    message.content.push_back({.kind = text::PartKind::kText, .text = question_.query});
    request.messages.push_back(std::move(message));
    GLMV_RETURN_IF_ERROR(send(std::move(pass), request));
    return {};
  }

  // Twice as many frames a second as one pass over all of it has.
  Result<double> last_rate() const {
    if (options_.fps > 0) return options_.fps;
    const double begin = segments_.front().begin_s, end = segments_.back().end_s;
    text::ContentPart whole = part(begin, end);
    GLMV_ASSIGN(const std::vector<double> times, plan_(whole));
    return std::clamp(2 * static_cast<double>(times.size()) / (end - begin), 0.1, 10.0);
  }

  api::ChatBackend& backend_;
  const api::ChatRequest& base_;
  const VideoQuestion& question_;
  const PassOptions& options_;
  const PlanFrames& plan_;
  const api::OnChunk& on_chunk_;
  const std::function<void(const VideoPass&)>& on_pass_;
  std::vector<Segment> segments_;
  VideoAnswer answer_;
};

}  // namespace

api::ChatRequest video_request(const api::ChatRequest& base, const text::ContentPart& video,
                               const std::string& text) {
  api::ChatRequest request = base;
  text::Message message = text::Message::user("");
  message.content = {video, {.kind = text::PartKind::kText, .text = text}};
  message.content_is_string = false;
  request.messages.push_back(std::move(message));
  return request;
}

Result<VideoAnswer> ask_video(api::ChatBackend& backend, const api::ChatRequest& base,
                              const VideoQuestion& question, const PlanFrames& plan,
                              const api::OnChunk& on_chunk) {
  VideoAnswer answer;
  const double end = question.video.end_s > 0 ? question.video.end_s : question.duration_s;
  VideoPass pass{"question", question.video.begin_s, end, {}, {}};
  GLMV_ASSIGN(pass.frame_times_s, plan(question.video));
  GLMV_ASSIGN(answer.reply,
              backend.chat(video_request(base, question.video, question.query), on_chunk));
  pass.text = answer.reply.content;
  answer.passes.push_back(std::move(pass));
  return answer;
}

Result<VideoAnswer> ask_in_passes(api::ChatBackend& backend, const api::ChatRequest& base,
                                  const VideoQuestion& question, const PassOptions& options,
                                  const PlanFrames& plan, const api::OnChunk& on_chunk,
                                  const std::function<void(const VideoPass&)>& on_pass) {
  return Passes(backend, base, question, options, plan, on_chunk, on_pass).run();
}

std::vector<size_t> parse_choice(std::string_view answer, size_t count) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::set<size_t> found;
  for (size_t pos = 0; pos < answer.size();) {
    if (!is_digit(answer[pos])) {
      ++pos;
      continue;
    }
    size_t end = pos;
    bool whole = true;
    while (end < answer.size()) {
      const bool inner = (answer[end] == ':' || answer[end] == '.') && end + 1 < answer.size() &&
                         is_digit(answer[end + 1]);
      if (!is_digit(answer[end]) && !inner) break;
      whole = whole && !inner;
      ++end;
    }
    if (whole && end - pos <= 4) {
      size_t number = 0;
      for (size_t i = pos; i < end; ++i)
        number = number * 10 + static_cast<size_t>(answer[i] - '0');
      if (number >= 1 && number <= count) found.insert(number);
    }
    pos = end;
  }
  return {found.begin(), found.end()};
}

std::string timeline_question(const std::string& query) {
  std::string text =
      "List what happens in the video in order, one event a line, each with its begin and end in "
      "the form mm:ss - mm:ss and a short description.";
  if (!query.empty()) text += " Only list events that show this: " + query;
  return text;
}

std::string tracking_question(const std::string& query, bool again) {
  std::string text =
      "Track " + query +
      " through the video. Answer with one JSON object: its keys are the seconds of the video, its "
      "values lists of objects in the format {\"label\": \"name-1\", \"bbox_2d\": [x1, y1, x2, "
      "y2]}. The same object keeps its label.";
  if (again) {
    text +=
        " Coordinates are relative to the frame, not pixels: whole numbers from 0 to 1000, x by "
        "its width and y by its height, with (0, 0) at its top left corner.";
  }
  return text;
}

}  // namespace glmv::grounding
