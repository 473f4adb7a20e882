#pragma once
// Timelines as files: JSON, WebVTT chapters, SubRip.

#include <span>
#include <string>

#include "glmv/base/json.h"
#include "glmv/parsers/timeline.h"

namespace glmv::grounding {

// "1:02.5", "1:02:03": for people; no more decimals than needed, two at most.
std::string clock_text(double seconds);

// {"duration", "events": [{"begin", "end", "range", "text", "beyond", "reordered"}], "raw_text"},
// in the order of the answer. duration 0: unknown, and left out.
Json timeline_json(std::span<const parsers::TimedEvent> events, double duration_s,
                   const std::string& raw_text);

// Cues in order of time. A moment lasts to the next event, at most to the end of the video; without
// either, a second. Events behind the end are notes (WebVTT), or left out (SubRip).
std::string webvtt(std::span<const parsers::TimedEvent> events, double duration_s);
std::string subrip(std::span<const parsers::TimedEvent> events, double duration_s);

}  // namespace glmv::grounding
