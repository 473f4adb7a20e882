#include "glmv/grounding/annotation.h"

#include <algorithm>
#include <cmath>

#include "glmv/parsers/boxes.h"
#include "glmv/parsers/polygons.h"

namespace glmv::grounding {
namespace {

constexpr double kLastThousandth = 999;

class Finder {
 public:
  Finder(std::string_view answer, int64_t width, int64_t height, const FindOptions& options)
      : answer_(answer), options_(options) {
    out.width = std::max<int64_t>(width, 0);
    out.height = std::max<int64_t>(height, 0);
    out.raw_text = answer;
  }

  void boxes_and_points(bool with_boxes, bool with_points) {
    const parsers::Grounding got = parsers::parse_grounding(answer_, out.width, out.height);
    if (with_boxes) {
      for (const parsers::GroundedBox& box : got.boxes) {
        Annotation item{.kind = AnnotationKind::kBox,
                        .label = box.label,
                        .labelled = box.labelled,
                        .unit = {{box.x1, box.y1}, {box.x2, box.y2}},
                        .reordered = box.reordered,
                        .clamped = box.clamped,
                        .degenerate = box.degenerate,
                        .begin = box.begin,
                        .end = box.end};
        add(std::move(item));
      }
    }
    if (with_points) {
      for (const parsers::GroundedPoint& point : got.points) {
        add({.kind = AnnotationKind::kPoint,
             .label = point.label,
             .labelled = !point.label.empty(),
             .unit = {{point.x, point.y}},
             .clamped = point.clamped,
             .begin = point.begin,
             .end = point.end});
      }
    }
    for (const parsers::RejectedCoordinates& bad : got.rejected) reject(bad);
    out.largest = std::max(out.largest, got.largest);
  }

  // True: there are some.
  bool polygons() {
    const parsers::PolygonAnswer got = parsers::parse_polygons(answer_, out.width, out.height);
    for (const parsers::GroundedPolygon& polygon : got.polygons) {
      Annotation item{.kind = AnnotationKind::kPolygon,
                      .label = polygon.label,
                      .labelled = polygon.labelled,
                      .clamped = polygon.clamped,
                      .begin = polygon.begin,
                      .end = polygon.end};
      for (const parsers::PolygonPoint& point : polygon.points)
        item.unit.push_back({point.x, point.y});
      add(std::move(item));
    }
    out.largest = std::max(out.largest, got.largest);
    return !got.polygons.empty();
  }

  void boxes_in_space() {
    const parsers::Box3dAnswer got = parsers::parse_boxes_3d(answer_);
    const Camera camera = options_.camera.fx > 0
                              ? options_.camera
                              : camera_with_view(options_.view_degrees, out.width, out.height);
    for (const parsers::GroundedBox3d& box : got.boxes) {
      Annotation item{.kind = AnnotationKind::kBox3d,
                      .label = box.label,
                      .labelled = box.labelled,
                      .space = box,
                      .begin = box.begin,
                      .end = box.end};
      if (out.width > 0) item.pixels = project_edges(box, options_.order, camera);
      out.items.push_back(std::move(item));
    }
    for (const parsers::RejectedCoordinates& bad : got.rejected) reject(bad);
  }

  Annotations out;

 private:
  void reject(const parsers::RejectedCoordinates& bad) {
    out.rejected.emplace_back(answer_.substr(bad.begin, bad.end - bad.begin));
  }

  double pixel(double unit, int64_t size) const {
    if (options_.pixels == PixelRule::kEdge) return unit / 1000 * static_cast<double>(size);
    return std::floor(std::min(unit, kLastThousandth) / 1000 * static_cast<double>(size));
  }

  void add(Annotation item) {
    if (out.width > 0 && out.height > 0) {
      for (const Vec2& p : item.unit) {
        item.pixels.push_back({pixel(p.x, out.width), pixel(p.y, out.height)});
      }
    }
    out.items.push_back(std::move(item));
  }

  std::string_view answer_;
  const FindOptions& options_;
};

}  // namespace

std::string_view kind_name(AnnotationKind kind) {
  switch (kind) {
    case AnnotationKind::kBox:
      return "box";
    case AnnotationKind::kPoint:
      return "point";
    case AnnotationKind::kPolygon:
      return "polygon";
    case AnnotationKind::kBox3d:
      break;
  }
  return "box_3d";
}

std::optional<AnswerForm> parse_form(std::string_view name) {
  static constexpr std::pair<std::string_view, AnswerForm> kNames[] = {
      {"auto", AnswerForm::kAuto},    {"box", AnswerForm::kBox},   {"point", AnswerForm::kPoint},
      {"poly", AnswerForm::kPolygon}, {"json", AnswerForm::kJson}, {"3d", AnswerForm::kBox3d}};
  for (const auto& [known, form] : kNames) {
    if (name == known) return form;
  }
  return std::nullopt;
}

Annotations find_annotations(std::string_view answer, int64_t width, int64_t height,
                             const FindOptions& options) {
  Finder finder(answer, width, height, options);
  switch (options.form) {
    case AnswerForm::kBox:
      finder.boxes_and_points(true, false);
      break;
    case AnswerForm::kPoint:
      finder.boxes_and_points(false, true);
      break;
    case AnswerForm::kPolygon:
      finder.polygons();
      break;
    case AnswerForm::kBox3d:
      finder.boxes_in_space();
      break;
    case AnswerForm::kAuto:
    case AnswerForm::kJson:
      finder.boxes_in_space();
      // Points in a row may be a polygon; only the answer's own words decide that they are.
      if ((answer.find("polygon") != answer.npos || answer.find("segmentation") != answer.npos) &&
          finder.polygons()) {
        break;
      }
      finder.boxes_and_points(true, true);
      break;
  }
  return std::move(finder.out);
}

std::vector<media::Shape> shapes_of(const Annotations& annotations) {
  std::vector<media::Shape> shapes;
  for (const Annotation& item : annotations.items) {
    if (item.pixels.empty()) continue;
    const media::ShapeKind kind = item.kind == AnnotationKind::kBox     ? media::ShapeKind::kBox
                                  : item.kind == AnnotationKind::kPoint ? media::ShapeKind::kPoint
                                  : item.kind == AnnotationKind::kPolygon
                                      ? media::ShapeKind::kPolygon
                                      : media::ShapeKind::kWire;
    shapes.push_back({kind, item.pixels, item.label});
  }
  return shapes;
}

}  // namespace glmv::grounding
