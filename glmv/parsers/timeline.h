#pragma once
// What happens when, in an answer about a video. Arbitrary bytes are fine.

#include <string>
#include <string_view>
#include <vector>

namespace glmv::parsers {

struct TimedEvent {
  double begin_s = 0;
  double end_s = 0;           // begin_s where only a moment is named
  bool is_range = false;      // an end is named
  std::string text;           // what happens, one line of valid UTF-8; may be empty
  bool reordered = false;     // written with the end first
  bool beyond = false;        // begins or ends behind the end of the video
  size_t begin = 0, end = 0;  // bytes of the answer that hold the times
};

// Reads lines with moments or ranges: mm:ss, hh:mm:ss, 12.5s, ranges with -, an en or em dash, ~,
// an arrow, "to", "until" or their Chinese words; the text stands behind them, else in front, else
// on the next lines (as in SRT and WebVTT). Also JSON lists of objects with begin and end. In order
// of appearance. A length with a unit in running text ("for 5 s") is no moment.
// `duration_s`: of the video, for `beyond`; 0: unknown.
std::vector<TimedEvent> parse_timeline(std::string_view answer, double duration_s);

}  // namespace glmv::parsers
