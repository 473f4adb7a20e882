#pragma once
// A Cairo drawing surface over RGB pixels. Not thread-safe; use one per thread.

#include <cairo/cairo.h>

#include <memory>
#include <string>

#include "glmv/media/image.h"

namespace glmv::media {

struct Color {
  double r = 0.0;  // 0..1
  double g = 0.0;
  double b = 0.0;
};

// saturation, value in 0..1, hue in degrees.
Color color_from_hsv(double hue, double saturation, double value);

// Black or white, whichever has the higher contrast on `background` (WCAG relative luminance).
Color contrast_color(Color background);

class Canvas {
 public:
  Canvas(int width, int height, Color background);
  explicit Canvas(const Image& image);

  // For every Cairo call; lives as long as the canvas.
  cairo_t* cairo() const { return cairo_.get(); }
  int width() const { return width_; }
  int height() const { return height_; }

  void set_color(Color color, double alpha = 1.0);
  // A sans-serif face that has the characters of `text` (CJK text gets a CJK face).
  void set_font(const std::string& text, double size_px);

  Image to_image() const;

 private:
  struct DestroySurface {
    void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  };
  struct DestroyCairo {
    void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  };

  Canvas(int width, int height);

  int width_;
  int height_;
  std::unique_ptr<cairo_surface_t, DestroySurface> surface_;
  std::unique_ptr<cairo_t, DestroyCairo> cairo_;
};

}  // namespace glmv::media
