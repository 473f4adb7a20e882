#include "glmv/media/draw.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/check.h"

namespace glmv::media {
namespace {

constexpr double kFillAlpha = 0.15;
constexpr int kMaxSide = 32767;  // of a Cairo surface
constexpr int kDarkening = 3;    // colours outside a mask are divided by it

Result<void> check_sides(int width, int height) {
  if (width > kMaxSide || height > kMaxSide) {
    return unsupported("shapes cannot be drawn on {} x {} pixels; the limit is {} per side", width,
                       height, kMaxSide);
  }
  return {};
}

void draw_box(Canvas& canvas, const Rect& rect, Color color, double line) {
  cairo_t* cairo = canvas.cairo();
  canvas.set_color(color, kFillAlpha);
  cairo_rectangle(cairo, rect.x1, rect.y1, rect.x2 - rect.x1, rect.y2 - rect.y1);
  cairo_fill(cairo);
  // The line runs inside the box, so that it stays on the picture at the edges.
  const double inset = line / 2;
  canvas.set_color(color);
  cairo_set_line_width(cairo, line);
  cairo_rectangle(cairo, rect.x1 + inset, rect.y1 + inset, std::max(0.0, rect.x2 - rect.x1 - line),
                  std::max(0.0, rect.y2 - rect.y1 - line));
  cairo_stroke(cairo);
}

void trace(cairo_t* cairo, const std::vector<Vec2>& points) {
  for (const Vec2& point : points) cairo_line_to(cairo, point.x, point.y);
  cairo_close_path(cairo);
}

void draw_polygon(Canvas& canvas, const std::vector<Vec2>& points, Color color, double line) {
  cairo_t* cairo = canvas.cairo();
  trace(cairo, points);
  canvas.set_color(color, kFillAlpha);
  cairo_fill_preserve(cairo);
  canvas.set_color(color);
  cairo_set_line_width(cairo, line);
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
  cairo_stroke(cairo);
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_MITER);
}

void disc(Canvas& canvas, Vec2 center, double radius, Color color) {
  canvas.set_color(color);
  cairo_arc(canvas.cairo(), center.x, center.y, radius, 0, 2 * std::acos(-1.0));
  cairo_fill(canvas.cairo());
}

void draw_wire(Canvas& canvas, const std::vector<Vec2>& points, Color color, double line) {
  cairo_t* cairo = canvas.cairo();
  for (size_t i = 0; i + 1 < points.size(); i += 2) {
    cairo_move_to(cairo, points[i].x, points[i].y);
    cairo_line_to(cairo, points[i + 1].x, points[i + 1].y);
  }
  canvas.set_color(color);
  cairo_set_line_width(cairo, line);
  cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
  cairo_stroke(cairo);
  cairo_set_line_cap(cairo, CAIRO_LINE_CAP_BUTT);
}

void draw_shape(Canvas& canvas, const Shape& shape) {
  const Color color = label_color(shape.label);
  const double line = box_line_width(canvas.width(), canvas.height());
  switch (shape.kind) {
    case ShapeKind::kBox:
      return draw_box(canvas, bounds_of(shape), color, line);
    case ShapeKind::kPolygon:
      return draw_polygon(canvas, shape.points, color, line);
    case ShapeKind::kWire:
      return draw_wire(canvas, shape.points, color, line);
    case ShapeKind::kPoint:
      break;
  }
  // A ring in the contrast colour keeps the point visible on its own colour.
  const double radius = point_radius(canvas.width(), canvas.height());
  disc(canvas, shape.points[0], radius, contrast_color(color));
  disc(canvas, shape.points[0], radius * 0.75, color);
}

void draw_chip(Canvas& canvas, const Shape& shape) {
  Rect around = bounds_of(shape);
  if (shape.kind == ShapeKind::kPoint) {
    const double radius = point_radius(canvas.width(), canvas.height());
    around = {around.x1 + radius, around.y1 - radius, around.x2, around.y2};
  }
  const LabelChip chip = lay_out_chip(canvas, around, shape.label);
  cairo_t* cairo = canvas.cairo();
  canvas.set_color(chip.fill);
  cairo_rectangle(cairo, chip.box.x1, chip.box.y1, chip.box.x2 - chip.box.x1,
                  chip.box.y2 - chip.box.y1);
  cairo_fill(cairo);
  canvas.set_color(chip.ink);
  cairo_move_to(cairo, chip.text_x, chip.baseline);
  cairo_show_text(cairo, chip.text.c_str());
  cairo_new_path(cairo);
}

}  // namespace

Result<Image> draw_shapes(const Image& image, std::span<const Shape> shapes) {
  GLMV_RETURN_IF_ERROR(check_sides(image.width, image.height));
  GLMV_ASSIGN(const std::vector<Shape> visible, clip_shapes(shapes, image.width, image.height));
  Canvas canvas(image);
  for (const Shape& shape : visible) draw_shape(canvas, shape);
  // Chips come last: no shape covers a label.
  for (const Shape& shape : visible) {
    if (!shape.label.empty()) draw_chip(canvas, shape);
  }
  return canvas.to_image();
}

Result<Image> draw_boxes(const Image& image, std::span<const LabeledBox> boxes) {
  std::vector<Shape> shapes;
  for (const LabeledBox& box : boxes) {
    shapes.push_back({ShapeKind::kBox, {{box.x1, box.y1}, {box.x2, box.y2}}, box.label});
  }
  return draw_shapes(image, shapes);
}

Result<GreyImage> mask_of_shapes(int width, int height, std::span<const Shape> shapes) {
  GLMV_RETURN_IF_ERROR(check_sides(width, height));
  GLMV_ASSIGN(const std::vector<Shape> visible, clip_shapes(shapes, width, height));
  Canvas canvas(width, height, Color{});
  cairo_t* cairo = canvas.cairo();
  cairo_set_antialias(cairo, CAIRO_ANTIALIAS_NONE);
  const Color white{1, 1, 1};
  canvas.set_color(white);
  for (const Shape& shape : visible) {
    if (shape.kind == ShapeKind::kPoint) {
      disc(canvas, shape.points[0], point_radius(width, height), white);
    } else if (shape.kind == ShapeKind::kBox) {
      const Rect rect = bounds_of(shape);
      cairo_rectangle(cairo, rect.x1, rect.y1, rect.x2 - rect.x1, rect.y2 - rect.y1);
      cairo_fill(cairo);
    } else if (shape.kind == ShapeKind::kPolygon) {
      trace(cairo, shape.points);
      cairo_fill(cairo);
    }
  }
  const Image drawn = canvas.to_image();
  GreyImage mask{width, height, std::vector<uint8_t>(static_cast<size_t>(width) * height)};
  for (size_t i = 0; i < mask.data.size(); ++i) mask.data[i] = drawn.data[3 * i];
  return mask;
}

Image darken_outside(const Image& image, const GreyImage& mask) {
  GLMV_CHECK(mask.width == image.width && mask.height == image.height);
  Image out = image;
  for (size_t i = 0; i < mask.data.size(); ++i) {
    if (mask.data[i] != 0) continue;
    for (size_t c = 0; c < 3; ++c) out.data[3 * i + c] /= kDarkening;
  }
  return out;
}

}  // namespace glmv::media
