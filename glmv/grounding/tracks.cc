#include "glmv/grounding/tracks.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/grounding/annotation_json.h"

namespace glmv::grounding {
namespace {

using parsers::GroundedBox;
using parsers::TrackedMoment;

constexpr double kLoneMoment_s = 1;

media::Shape shape_of(const GroundedBox& box) {
  return {media::ShapeKind::kBox, {{box.px1, box.py1}, {box.px2, box.py2}}, box.label};
}

// The box of the same label and the same place among them.
const GroundedBox* partner(const TrackedMoment& from, size_t index, const TrackedMoment& to) {
  const std::string& label = from.boxes[index].label;
  const auto same = [&](const GroundedBox& box) { return box.label == label; };
  auto place = std::count_if(from.boxes.begin(),
                             from.boxes.begin() + static_cast<std::ptrdiff_t>(index), same);
  for (const GroundedBox& box : to.boxes) {
    if (same(box) && place-- == 0) return &box;
  }
  return nullptr;
}

media::Vec2 between(double x1, double y1, double x2, double y2, double t) {
  return {x1 + t * (x2 - x1), y1 + t * (y2 - y1)};
}

}  // namespace

std::vector<media::Shape> boxes_at(const parsers::TrackingAnswer& tracks, double time_s,
                                   bool interpolate) {
  const auto& moments = tracks.moments;
  const auto next = std::ranges::upper_bound(moments, time_s, {}, &TrackedMoment::time_s);
  if (next == moments.begin()) return {};
  const auto now = std::prev(next);
  const bool last = next == moments.end();
  const double held = !last                ? next->time_s - now->time_s
                      : moments.size() < 2 ? kLoneMoment_s
                                           : now->time_s - std::prev(now)->time_s;
  if (time_s >= now->time_s + held) return {};
  std::vector<media::Shape> shapes;
  for (size_t i = 0; i < now->boxes.size(); ++i) {
    const GroundedBox& box = now->boxes[i];
    const GroundedBox* to = interpolate && !last ? partner(*now, i, *next) : nullptr;
    media::Shape shape = shape_of(box);
    if (to != nullptr) {
      const double t = (time_s - now->time_s) / held;
      shape.points = {between(box.px1, box.py1, to->px1, to->py1, t),
                      between(box.px2, box.py2, to->px2, to->py2, t)};
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

Json tracks_json(const parsers::TrackingAnswer& tracks, int64_t width, int64_t height,
                 double duration_s, const std::string& raw_text) {
  Json moments = Json::array();
  for (const TrackedMoment& moment : tracks.moments) {
    Json boxes = Json::array();
    for (const GroundedBox& box : moment.boxes) {
      boxes.push_back({{"label", repair_utf8(box.label)},
                       {"box", flat_json({{box.x1, box.y1}, {box.x2, box.y2}})},
                       {"px", flat_json({{box.px1, box.py1}, {box.px2, box.py2}})}});
    }
    moments.push_back({{"time", moment.time_s}, {"boxes", std::move(boxes)}});
  }
  return {{"width", width},
          {"height", height},
          {"duration", duration_s},
          {"moments", std::move(moments)},
          {"truncated", tracks.truncated},
          {"raw_text", repair_utf8(raw_text)}};
}

}  // namespace glmv::grounding
