#include "glmv/grounding/timeline_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "glmv/base/utf8.h"

namespace glmv::grounding {
namespace {

constexpr double kMoment_s = 1;

struct Cue {
  double begin_s, end_s;
  std::string text;
};

struct Cues {
  std::vector<Cue> shown;
  std::vector<Cue> beyond;  // begin behind the end of the video
};

Cues cues_of(std::span<const parsers::TimedEvent> events, double duration_s) {
  std::vector<parsers::TimedEvent> sorted(events.begin(), events.end());
  std::ranges::stable_sort(sorted, {}, &parsers::TimedEvent::begin_s);
  Cues cues;
  for (size_t i = 0; i < sorted.size(); ++i) {
    Cue cue{sorted[i].begin_s, sorted[i].end_s, repair_utf8(sorted[i].text)};
    if (duration_s > 0 && cue.begin_s >= duration_s) {
      cues.beyond.push_back(std::move(cue));
      continue;
    }
    if (cue.end_s <= cue.begin_s) {
      const auto next = std::find_if(sorted.begin() + static_cast<std::ptrdiff_t>(i), sorted.end(),
                                     [&](const auto& e) { return e.begin_s > cue.begin_s; });
      cue.end_s = next != sorted.end() ? next->begin_s
                  : duration_s > 0     ? duration_s
                                       : cue.begin_s + kMoment_s;
    }
    if (duration_s > 0) cue.end_s = std::min(cue.end_s, duration_s);
    cues.shown.push_back(std::move(cue));
  }
  return cues;
}

// hh:mm:ss, a mark, milliseconds.
std::string stamp(double seconds, char mark) {
  const auto ms = static_cast<int64_t>(std::llround(seconds * 1000));
  return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60,
                     mark, ms % 1000);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Text of a cue: one line, nothing that ends it or is markup.
std::string cue_text(std::string text, bool escaped) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  if (escaped) {
    replace_all(text, "&", "&amp;");
    replace_all(text, "<", "&lt;");
    replace_all(text, ">", "&gt;");
  } else {
    replace_all(text, "-->", "->");
  }
  return text.empty() ? "-" : text;
}

}  // namespace

std::string clock_text(double seconds) {
  const auto hundredths = static_cast<int64_t>(std::llround(std::max(seconds, 0.0) * 100));
  const int64_t hours = hundredths / 360'000, minutes = hundredths / 6'000 % 60;
  std::string text = hours > 0 ? fmt::format("{}:{:02}", hours, minutes) : std::to_string(minutes);
  text += fmt::format(":{:02}.{:02}", hundredths / 100 % 60, hundredths % 100);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') return text.substr(0, text.size() - 1);
  return text;
}

Json timeline_json(std::span<const parsers::TimedEvent> events, double duration_s,
                   const std::string& raw_text) {
  Json list = Json::array();
  for (const parsers::TimedEvent& event : events) {
    list.push_back({{"begin", event.begin_s},
                    {"end", event.end_s},
                    {"range", event.is_range},
                    {"text", repair_utf8(event.text)},
                    {"beyond", event.beyond},
                    {"reordered", event.reordered}});
  }
  Json out = Json::object();
  if (duration_s > 0) out["duration"] = duration_s;
  out["events"] = std::move(list);
  out["raw_text"] = repair_utf8(raw_text);
  return out;
}

std::string webvtt(std::span<const parsers::TimedEvent> events, double duration_s) {
  std::string out = "WEBVTT\n";
  const Cues cues = cues_of(events, duration_s);
  for (size_t i = 0; i < cues.shown.size(); ++i) {
    const Cue& cue = cues.shown[i];
    out += fmt::format("\n{}\n{} --> {}\n{}\n", i + 1, stamp(cue.begin_s, '.'),
                       stamp(cue.end_s, '.'), cue_text(cue.text, true));
  }
  for (const Cue& cue : cues.beyond) {
    out += fmt::format("\nNOTE behind the end of the video: {} {}\n", clock_text(cue.begin_s),
                       cue_text(cue.text, true));
  }
  return out;
}

std::string subrip(std::span<const parsers::TimedEvent> events, double duration_s) {
  std::string out;
  const Cues cues = cues_of(events, duration_s);
  for (size_t i = 0; i < cues.shown.size(); ++i) {
    const Cue& cue = cues.shown[i];
    out += fmt::format("{}{}\n{} --> {}\n{}\n", i > 0 ? "\n" : "", i + 1, stamp(cue.begin_s, ','),
                       stamp(cue.end_s, ','), cue_text(cue.text, false));
  }
  return out;
}

}  // namespace glmv::grounding
