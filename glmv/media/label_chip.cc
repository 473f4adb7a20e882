#include "glmv/media/label_chip.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/utf8.h"

namespace glmv::media {
namespace {

constexpr double kGoldenAngle = 137.50776405003785;  // degrees
constexpr size_t kMaxLabelBytes = 200;

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

double point_radius(int width, int height) {
  return std::max(4.0, std::round(0.008 * std::max(width, height)));
}

std::string drawable_label(const std::string& label) {
  std::string text = repair_utf8(std::string_view(label).substr(0, kMaxLabelBytes));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

LabelChip lay_out_chip(Canvas& canvas, const Rect& rect, const std::string& label) {
  LabelChip chip;
  chip.text = drawable_label(label);
  chip.fill = label_color(label);
  chip.ink = contrast_color(chip.fill);
  chip.font_px = std::max(11.0, std::round(0.018 * std::max(canvas.width(), canvas.height())));
  canvas.set_font(chip.text, chip.font_px);
  cairo_text_extents_t text;
  cairo_text_extents(canvas.cairo(), chip.text.c_str(), &text);
  cairo_font_extents_t font;
  cairo_font_extents(canvas.cairo(), &font);
  const double pad = std::max(2.0, double(box_line_width(canvas.width(), canvas.height())));
  const double width = text.x_advance + 2 * pad;
  const double height = font.ascent + font.descent + pad;
  double y = rect.y1 - height;
  if (y < 0) y = rect.y1;
  y = std::max(0.0, std::min(y, canvas.height() - height));
  const double x = std::max(0.0, std::min(rect.x1, canvas.width() - width));
  chip.box = {x, y, x + width, y + height};
  chip.text_x = x + pad;
  chip.baseline = y + pad / 2 + font.ascent;
  chip.text_width = text.x_advance;
  return chip;
}

}  // namespace glmv::media
