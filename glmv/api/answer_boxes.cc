#include "glmv/api/answer_boxes.h"

#include <utility>

#include "glmv/parsers/boxes.h"

namespace glmv::api {

void fill_boxes(std::string_view marked_answer, int image, int64_t width, int64_t height,
                ChatReply& reply) {
  parsers::Grounding found = parsers::parse_grounding(marked_answer, width, height);
  for (parsers::GroundedBox& box : found.boxes) {
    reply.boxes.push_back({.x1 = box.x1,
                           .y1 = box.y1,
                           .x2 = box.x2,
                           .y2 = box.y2,
                           .px1 = box.px1,
                           .py1 = box.py1,
                           .px2 = box.px2,
                           .py2 = box.py2,
                           .image = image,
                           .label = std::move(box.label),
                           .reordered = box.reordered,
                           .clamped = box.clamped,
                           .degenerate = box.degenerate});
  }
  for (parsers::GroundedPoint& point : found.points) {
    reply.points.push_back({.x = point.x,
                            .y = point.y,
                            .px = point.px,
                            .py = point.py,
                            .image = image,
                            .label = std::move(point.label)});
  }
}

}  // namespace glmv::api
