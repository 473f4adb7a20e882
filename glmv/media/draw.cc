#include "glmv/media/draw.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/utf8.h"

namespace glmv::media {
namespace {

constexpr double kGoldenAngle = 137.50776405003785;  // degrees
constexpr double kFillAlpha = 0.15;
constexpr int kMaxSide = 32767;  // of a Cairo surface
constexpr size_t kMaxLabelBytes = 200;

struct Rect {
  double x1, y1, x2, y2;
};

Rect clipped(const LabeledBox& box, const Image& image) {
  const double w = image.width, h = image.height;
  return {
      std::clamp(std::min(box.x1, box.x2), 0.0, w), std::clamp(std::min(box.y1, box.y2), 0.0, h),
      std::clamp(std::max(box.x1, box.x2), 0.0, w), std::clamp(std::max(box.y1, box.y2), 0.0, h)};
}

bool is_outside(const LabeledBox& box, const Image& image) {
  return std::max(box.x1, box.x2) < 0 || std::max(box.y1, box.y2) < 0 ||
         std::min(box.x1, box.x2) > image.width || std::min(box.y1, box.y2) > image.height;
}

void draw_outline(Canvas& canvas, const Rect& rect, Color color, double line) {
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

// A filled chip above the box; inside it when there is no room above, moved to stay on the picture.
void draw_chip(Canvas& canvas, const Rect& rect, const std::string& label, Color color,
               double line) {
  cairo_t* cairo = canvas.cairo();
  const double size = std::max(11.0, std::round(0.018 * std::max(canvas.width(), canvas.height())));
  canvas.set_font(label, size);
  cairo_text_extents_t text;
  cairo_text_extents(cairo, label.c_str(), &text);
  cairo_font_extents_t font;
  cairo_font_extents(cairo, &font);
  const double pad = std::max(2.0, line);
  const double width = text.x_advance + 2 * pad;
  const double height = font.ascent + font.descent + pad;
  double y = rect.y1 - height;
  if (y < 0) y = rect.y1;
  y = std::max(0.0, std::min(y, canvas.height() - height));
  const double x = std::max(0.0, std::min(rect.x1, canvas.width() - width));
  canvas.set_color(color);
  cairo_rectangle(cairo, x, y, width, height);
  cairo_fill(cairo);
  canvas.set_color(contrast_color(color));
  cairo_move_to(cairo, x + pad, y + pad / 2 + font.ascent);
  cairo_show_text(cairo, label.c_str());
  cairo_new_path(cairo);
}

// Valid UTF-8 of limited length without control characters, which Cairo cannot draw.
std::string drawable(const std::string& label) {
  std::string text = repair_utf8(std::string_view(label).substr(0, kMaxLabelBytes));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace

Color label_color(const std::string& label) {
  // FNV-1a: stable over runs, unlike std::hash.
  uint32_t hash = 2166136261u;
  for (unsigned char c : label) hash = (hash ^ c) * 16777619u;
  return color_from_hsv(std::fmod((hash % 4096) * kGoldenAngle, 360.0), 0.85, 0.9);
}

int box_line_width(int width, int height) {
  return std::max(2, static_cast<int>(std::floor(0.004 * std::max(width, height))));
}

Result<Image> draw_boxes(const Image& image, std::span<const LabeledBox> boxes) {
  if (image.width > kMaxSide || image.height > kMaxSide) {
    return unsupported("boxes cannot be drawn on {} x {} pixels; the limit is {} per side",
                       image.width, image.height, kMaxSide);
  }
  for (size_t i = 0; i < boxes.size(); ++i) {
    for (double v : {boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2}) {
      if (!std::isfinite(v))
        return invalid_argument("box {} has a coordinate that is no number", i);
    }
  }
  Canvas canvas(image);
  const double line = box_line_width(image.width, image.height);
  for (const LabeledBox& box : boxes) {
    if (!is_outside(box, image)) {
      draw_outline(canvas, clipped(box, image), label_color(box.label), line);
    }
  }
  // Chips come last: no box covers a label.
  for (const LabeledBox& box : boxes) {
    if (box.label.empty() || is_outside(box, image)) continue;
    draw_chip(canvas, clipped(box, image), drawable(box.label), label_color(box.label), line);
  }
  return canvas.to_image();
}

}  // namespace glmv::media
