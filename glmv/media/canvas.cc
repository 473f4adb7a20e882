#include "glmv/media/canvas.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/check.h"

namespace glmv::media {
namespace {

double linear(double channel) {
  return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

Color color_from_hsv(double hue, double saturation, double value) {
  const double sector = std::fmod(std::fmod(hue, 360.0) + 360.0, 360.0) / 60.0;
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + sector, 6.0);
    return value - value * saturation * std::max(0.0, std::min({k, 4.0 - k, 1.0}));
  };
  return {channel(5.0), channel(3.0), channel(1.0)};
}

Color contrast_color(Color background) {
  const double luminance =
      0.2126 * linear(background.r) + 0.7152 * linear(background.g) + 0.0722 * linear(background.b);
  const double with_white = 1.05 / (luminance + 0.05);
  const double with_black = (luminance + 0.05) / 0.05;
  return with_white > with_black ? Color{1.0, 1.0, 1.0} : Color{0.0, 0.0, 0.0};
}

Canvas::Canvas(int width, int height)
    : width_(width),
      height_(height),
      surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height)),
      cairo_(cairo_create(surface_.get())) {
  GLMV_CHECK(cairo_surface_status(surface_.get()) == CAIRO_STATUS_SUCCESS, "{} x {}", width,
             height);
}

Canvas::Canvas(int width, int height, Color background) : Canvas(width, height) {
  set_color(background);
  cairo_paint(cairo_.get());
}

Canvas::Canvas(const Image& image) : Canvas(image.width, image.height) {
  cairo_surface_flush(surface_.get());
  unsigned char* data = cairo_image_surface_get_data(surface_.get());
  const int stride = cairo_image_surface_get_stride(surface_.get());
  for (int y = 0; y < height_; ++y) {
    auto* row = reinterpret_cast<uint32_t*>(data + static_cast<size_t>(y) * stride);
    const uint8_t* from = image.pixel(0, y);
    for (int x = 0; x < width_; ++x, from += 3) {
      row[x] = uint32_t{from[0]} << 16 | uint32_t{from[1]} << 8 | from[2];
    }
  }
  cairo_surface_mark_dirty(surface_.get());
}

void Canvas::set_color(Color color, double alpha) {
  cairo_set_source_rgba(cairo_.get(), color.r, color.g, color.b, alpha);
}

void Canvas::set_font(const std::string& text, double size_px) {
  const char* family = is_ascii(text) ? "sans-serif" : "Noto Sans CJK SC";
  cairo_select_font_face(cairo_.get(), family, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo_.get(), size_px);
}

Image Canvas::to_image() const {
  cairo_surface_flush(surface_.get());
  const unsigned char* data = cairo_image_surface_get_data(surface_.get());
  const int stride = cairo_image_surface_get_stride(surface_.get());
  Image image{width_, height_, PixelBytes(static_cast<size_t>(width_) * height_ * 3)};
  for (int y = 0; y < height_; ++y) {
    const auto* row = reinterpret_cast<const uint32_t*>(data + static_cast<size_t>(y) * stride);
    uint8_t* to = image.pixel(0, y);
    for (int x = 0; x < width_; ++x, to += 3) {
      to[0] = static_cast<uint8_t>(row[x] >> 16);
      to[1] = static_cast<uint8_t>(row[x] >> 8);
      to[2] = static_cast<uint8_t>(row[x]);
    }
  }
  return image;
}

}  // namespace glmv::media
