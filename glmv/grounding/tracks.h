#pragma once
// Boxes over time, at any time.

#include <vector>

#include "glmv/base/json.h"
#include "glmv/media/shapes.h"
#include "glmv/parsers/tracking.h"

namespace glmv::grounding {

// The boxes to be drawn at a time. A box is held from its moment to the next one, the last as long
// as the moments before stood apart (a second where there is one only). With `interpolate`, boxes
// of the same label move in a straight line from one moment to the next; the k-th box of a label
// goes to the k-th.
std::vector<media::Shape> boxes_at(const parsers::TrackingAnswer& tracks, double time_s,
                                   bool interpolate);

// {"width", "height", "duration", "moments": [{"time", "boxes": [{"label", "box", "px"}]}],
// "truncated", "raw_text"}.
Json tracks_json(const parsers::TrackingAnswer& tracks, int64_t width, int64_t height,
                 double duration_s, const std::string& raw_text);

}  // namespace glmv::grounding
