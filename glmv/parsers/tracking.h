#pragma once
// Boxes over time in an answer about a video: {"0": [{"label": "car-1", "bbox_2d": [...]}, ...],
// "1": ...}. The key is the second of the video. Arbitrary bytes are fine.

#include <cstdint>
#include <string_view>
#include <vector>

#include "glmv/parsers/boxes.h"

namespace glmv::parsers {

struct TrackedMoment {
  double time_s = 0;
  std::vector<GroundedBox> boxes;  // their begin and end are those of the whole table
};

struct TrackingAnswer {
  std::vector<TrackedMoment> moments;  // ascending times, each once
  double largest = 0;                  // coordinate as written
  bool truncated = false;              // the table was not complete
};

// The last complete table, else what is complete of one that was cut off; without any, a list of
// objects that have a "time" and a box. Frames of width x height pixels (0 x 0: unknown).
TrackingAnswer parse_tracking(std::string_view answer, int64_t width, int64_t height);

}  // namespace glmv::parsers
