#pragma once
// What an answer marks on a picture, in every kind of coordinates that anybody asks for.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/grounding/camera.h"
#include "glmv/media/shapes.h"
#include "glmv/parsers/boxes_3d.h"

namespace glmv::grounding {

using media::Vec2;

enum class AnnotationKind { kBox, kPoint, kPolygon, kBox3d };
std::string_view kind_name(AnnotationKind kind);  // "box", "point", "polygon", "box_3d"

struct Annotation {
  AnnotationKind kind = AnnotationKind::kBox;
  std::string label;      // may be empty for points
  bool labelled = false;  // the label comes from the answer
  // Two corners of a box, one point, all of a polygon; of a box in space nothing in `unit`, and in
  // `pixels` the two ends of each of its twelve edges (empty: behind the camera).
  std::vector<Vec2> unit;  // 0-1000, clamped
  std::vector<Vec2> pixels;
  std::optional<parsers::GroundedBox3d> space;
  bool reordered = false, clamped = false, degenerate = false;
  size_t begin = 0, end = 0;  // bytes of the answer
};

// What is asked for, and so looked for. kAuto: whatever is there.
enum class AnswerForm { kAuto, kBox, kPoint, kPolygon, kJson, kBox3d };
std::optional<AnswerForm> parse_form(std::string_view name);  // auto box point poly json 3d

// How thousandths become pixels. kEdge: 1000 is the right or lower edge. kUpstream: clamped to
// 0-999 and cut to whole pixels, for comparison with other programs.
enum class PixelRule { kEdge, kUpstream };

struct Annotations {
  std::string image;              // as named by who asked; may be empty
  int page = 0;                   // of a document, which `image` names too; 0: no page
  int64_t width = 0, height = 0;  // 0: unknown, pixels are then empty
  std::string query;
  std::string raw_text;  // the answer
  std::vector<Annotation> items;
  std::vector<std::string> rejected;  // what looks like coordinates and is none
  // Of coordinates as written. Above 1000 the answer is in pixels, which nobody can scale back: the
  // model saw another size.
  double largest = 0;
};

struct FindOptions {
  AnswerForm form = AnswerForm::kAuto;
  PixelRule pixels = PixelRule::kEdge;
  Camera camera;             // of boxes in space
  double view_degrees = 60;  // that it sees from left to right, where its focal lengths are unset
  AxisOrder order;
};

// Reads `answer`, without its thought. Never fails: an answer without coordinates has no items.
Annotations find_annotations(std::string_view answer, int64_t width, int64_t height,
                             const FindOptions& options = {});

// For drawing, in the order of the items; those without a place on the picture are left out.
std::vector<media::Shape> shapes_of(const Annotations& annotations);

}  // namespace glmv::grounding
