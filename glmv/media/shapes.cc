#include "glmv/media/shapes.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace glmv::media {
namespace {

Result<void> check(const Shape& shape, size_t index) {
  const size_t count = shape.points.size();
  const bool enough = shape.kind == ShapeKind::kBox     ? count == 2
                      : shape.kind == ShapeKind::kPoint ? count == 1
                      : shape.kind == ShapeKind::kWire  ? count >= 2 && count % 2 == 0
                                                        : count >= 3;
  if (!enough) return invalid_argument("shape {} has {} points", index, count);
  for (const Vec2& point : shape.points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) {
      return invalid_argument("shape {} has a coordinate that is no number", index);
    }
  }
  return {};
}

// The part of a line that lies on the picture (Liang and Barsky).
std::optional<std::pair<Vec2, Vec2>> clip_line(Vec2 a, Vec2 b, double width, double height) {
  double from = 0, to = 1;
  const double dx = b.x - a.x, dy = b.y - a.y;
  if (!std::isfinite(dx) || !std::isfinite(dy)) return std::nullopt;
  const std::pair<double, double> edges[] = {
      {-dx, a.x}, {dx, width - a.x}, {-dy, a.y}, {dy, height - a.y}};
  for (const auto& [p, q] : edges) {
    if (p == 0) {
      if (q < 0) return std::nullopt;
    } else if (p < 0) {
      from = std::max(from, q / p);
    } else {
      to = std::min(to, q / p);
    }
  }
  if (from > to) return std::nullopt;
  return std::pair(Vec2{a.x + from * dx, a.y + from * dy}, Vec2{a.x + to * dx, a.y + to * dy});
}

// Cuts a polygon along one edge of the picture (Sutherland and Hodgman): what has `inside` >= 0
// stays.
template <class Inside>
std::vector<Vec2> cut(const std::vector<Vec2>& points, const Inside& inside) {
  std::vector<Vec2> out;
  for (size_t i = 0; i < points.size(); ++i) {
    const Vec2 a = points[i], b = points[(i + 1) % points.size()];
    const double da = inside(a), db = inside(b);
    if (da >= 0) out.push_back(a);
    if ((da >= 0) != (db >= 0)) {
      const double t = da / (da - db);
      out.push_back({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)});
    }
  }
  return out;
}

std::vector<Vec2> clip_polygon(std::vector<Vec2> points, double width, double height) {
  points = cut(points, [](Vec2 p) { return p.x; });
  points = cut(points, [&](Vec2 p) { return width - p.x; });
  points = cut(points, [](Vec2 p) { return p.y; });
  points = cut(points, [&](Vec2 p) { return height - p.y; });
  return points;
}

// Empty: nothing of it is on the picture.
std::vector<Vec2> clip(const Shape& shape, double w, double h) {
  const Rect bounds = bounds_of(shape);
  if (bounds.x2 < 0 || bounds.y2 < 0 || bounds.x1 > w || bounds.y1 > h) return {};
  switch (shape.kind) {
    case ShapeKind::kPoint:
      return shape.points;
    case ShapeKind::kBox:
      return {{std::clamp(bounds.x1, 0.0, w), std::clamp(bounds.y1, 0.0, h)},
              {std::clamp(bounds.x2, 0.0, w), std::clamp(bounds.y2, 0.0, h)}};
    case ShapeKind::kPolygon:
      return clip_polygon(shape.points, w, h);
    case ShapeKind::kWire:
      break;
  }
  std::vector<Vec2> lines;
  for (size_t i = 0; i + 1 < shape.points.size(); i += 2) {
    if (const auto line = clip_line(shape.points[i], shape.points[i + 1], w, h)) {
      lines.push_back(line->first);
      lines.push_back(line->second);
    }
  }
  return lines;
}

}  // namespace

Rect bounds_of(const Shape& shape) {
  if (shape.points.empty()) return {};
  const Vec2 first = shape.points[0];
  Rect rect{first.x, first.y, first.x, first.y};
  for (const Vec2& point : shape.points) {
    rect.x1 = std::min(rect.x1, point.x);
    rect.y1 = std::min(rect.y1, point.y);
    rect.x2 = std::max(rect.x2, point.x);
    rect.y2 = std::max(rect.y2, point.y);
  }
  return rect;
}

Result<std::vector<Shape>> clip_shapes(std::span<const Shape> shapes, int width, int height) {
  std::vector<Shape> clipped;
  for (size_t i = 0; i < shapes.size(); ++i) {
    GLMV_RETURN_IF_ERROR(check(shapes[i], i));
    std::vector<Vec2> points = clip(shapes[i], width, height);
    if (!points.empty()) clipped.push_back({shapes[i].kind, std::move(points), shapes[i].label});
  }
  return clipped;
}

}  // namespace glmv::media
