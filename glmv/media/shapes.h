#pragma once
// What is marked on a picture: boxes, points, polygons, wire frames. Pixel coordinates, origin at
// the top left corner, pixel i covers [i, i + 1).

#include <span>
#include <string>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::media {

struct Vec2 {
  double x = 0;
  double y = 0;
};

enum class ShapeKind {
  kBox,      // two opposite corners
  kPoint,    // one
  kPolygon,  // three or more; the last is joined to the first
  kWire,     // the two ends of each line
};

struct Shape {
  ShapeKind kind = ShapeKind::kBox;
  std::vector<Vec2> points;
  std::string label;  // UTF-8, may be empty
};

struct Rect {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};
Rect bounds_of(const Shape& shape);

// What of the shapes lies on a picture of width x height: boxes with ordered corners, lines and
// polygons cut at its edge; what lies wholly outside is left out.
// Errors: invalid_argument for coordinates that are not finite and for too few points.
Result<std::vector<Shape>> clip_shapes(std::span<const Shape> shapes, int width, int height);

}  // namespace glmv::media
