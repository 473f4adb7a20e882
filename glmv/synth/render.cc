#include "glmv/synth/render.h"

#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "glmv/base/check.h"
#include "glmv/synth/degrade.h"
#include "glmv/synth/fonts.h"

namespace glmv::synth {
namespace {

constexpr double kPi = std::numbers::pi;

struct Free {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Context = std::unique_ptr<cairo_t, Free>;
using Surface = std::unique_ptr<cairo_surface_t, Free>;

struct Canvas {
  Surface surface;
  Context context;

  Canvas(cairo_format_t format, int width, int height)
      : surface(cairo_image_surface_create(format, width, height)),
        context(cairo_create(surface.get())) {
    GLMV_CHECK(cairo_status(context.get()) == CAIRO_STATUS_SUCCESS, "{}",
               cairo_status_to_string(cairo_status(context.get())));
  }
};

void set_color(cairo_t* c, Rgb rgb) {
  cairo_set_source_rgb(c, rgb.r / 255.0, rgb.g / 255.0, rgb.b / 255.0);
}

void polygon(cairo_t* c, int corners, double radius, double inner, double phase) {
  const int points = inner > 0 ? corners * 2 : corners;
  for (int i = 0; i < points; ++i) {
    const double r = inner > 0 && i % 2 == 1 ? inner : radius;
    const double angle = phase + 2 * kPi * i / points;
    cairo_line_to(c, r * std::cos(angle), r * std::sin(angle));
  }
  cairo_close_path(c);
}

// Path of the shape around the origin within a square of side `item.extent`.
void shape_path(cairo_t* c, const ShapeItem& item) {
  const double extent = item.extent;
  const double half = extent / 2;
  cairo_new_path(c);
  switch (item.shape) {
    case Shape::kCircle:
      cairo_arc(c, 0, 0, half, 0, 2 * kPi);
      cairo_close_path(c);
      break;
    case Shape::kRing: {
      cairo_arc(c, 0, 0, half, 0, 2 * kPi);
      cairo_close_path(c);
      cairo_new_sub_path(c);
      cairo_arc_negative(c, 0, 0, half - item.thickness * extent, 2 * kPi, 0);
      cairo_close_path(c);
      break;
    }
    case Shape::kSquare:
      cairo_rectangle(c, -half, -half, extent, extent);
      break;
    case Shape::kTriangle:
      cairo_move_to(c, -half, half);
      cairo_line_to(c, half, half);
      cairo_line_to(c, item.thickness * half, -half);
      cairo_close_path(c);
      break;
    case Shape::kStar:
      polygon(c, 5, half, half * item.thickness, -kPi / 2);
      break;
    case Shape::kCross: {
      const double arm = item.thickness * half;
      const double xs[12] = {-arm, arm, arm, half, half, arm, arm, -arm, -arm, -half, -half, -arm};
      const double ys[12] = {-half, -half, -arm, -arm, arm, arm, half, half, arm, arm, -arm, -arm};
      for (int i = 0; i < 12; ++i) cairo_line_to(c, xs[i], ys[i]);
      cairo_close_path(c);
      break;
    }
  }
}

void place_shape(cairo_t* c, const ShapeItem& item) {
  cairo_save(c);
  cairo_translate(c, item.center_x, item.center_y);
  cairo_rotate(c, item.rotation);
  shape_path(c, item);
  cairo_restore(c);
}

void choose_font(cairo_t* c, int font, double font_size) {
  const Font& row = fonts()[font];
  cairo_select_font_face(c, std::string(row.family).c_str(),
                         row.italic ? CAIRO_FONT_SLANT_ITALIC : CAIRO_FONT_SLANT_NORMAL,
                         row.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(c, font_size);
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(c, options);
  cairo_font_options_destroy(options);
}

void place_text(cairo_t* c, const TextItem& item) {
  choose_font(c, item.font, item.font_size);
  cairo_new_path(c);
  cairo_move_to(c, item.x, item.y);
  cairo_text_path(c, item.text.c_str());
}

void draw_background(cairo_t* c, const Scene& scene) {
  const Background& b = scene.background;
  if (b.from == b.to) {
    set_color(c, b.from);
    cairo_paint(c);
    return;
  }
  const double half_w = scene.width / 2.0;
  const double half_h = scene.height / 2.0;
  const double reach = std::hypot(half_w, half_h);
  const double dx = reach * std::cos(b.angle);
  const double dy = reach * std::sin(b.angle);
  cairo_pattern_t* pattern =
      cairo_pattern_create_linear(half_w - dx, half_h - dy, half_w + dx, half_h + dy);
  cairo_pattern_add_color_stop_rgb(pattern, 0, b.from.r / 255.0, b.from.g / 255.0,
                                   b.from.b / 255.0);
  cairo_pattern_add_color_stop_rgb(pattern, 1, b.to.r / 255.0, b.to.g / 255.0, b.to.b / 255.0);
  cairo_set_source(c, pattern);
  cairo_paint(c);
  cairo_pattern_destroy(pattern);
}

void draw_rect(cairo_t* c, const RectItem& rect) {
  const Box& b = rect.box;
  const double r = std::min({rect.radius, b.width() / 2, b.height() / 2});
  // The border lies inside the box, so that the box stays the drawn extent.
  const double inset = rect.border ? rect.border_width / 2 : 0;
  cairo_new_path(c);
  if (r <= 0) {
    cairo_rectangle(c, b.x1 + inset, b.y1 + inset, b.width() - 2 * inset, b.height() - 2 * inset);
  } else {
    cairo_arc(c, b.x2 - r - inset, b.y1 + r + inset, r, -kPi / 2, 0);
    cairo_arc(c, b.x2 - r - inset, b.y2 - r - inset, r, 0, kPi / 2);
    cairo_arc(c, b.x1 + r + inset, b.y2 - r - inset, r, kPi / 2, kPi);
    cairo_arc(c, b.x1 + r + inset, b.y1 + r + inset, r, kPi, 3 * kPi / 2);
    cairo_close_path(c);
  }
  set_color(c, rect.fill);
  cairo_fill_preserve(c);
  if (rect.border) {
    set_color(c, *rect.border);
    cairo_set_line_width(c, rect.border_width);
    cairo_stroke_preserve(c);
  }
  cairo_new_path(c);
}

void draw_line(cairo_t* c, const LineItem& line) {
  set_color(c, line.rgb);
  cairo_set_line_width(c, line.width);
  cairo_new_path(c);
  cairo_move_to(c, line.x1, line.y1);
  cairo_line_to(c, line.x2, line.y2);
  cairo_stroke(c);
}

void draw_scene(cairo_t* c, const Scene& scene) {
  draw_background(c, scene);
  for (const RectItem& rect : scene.rects) draw_rect(c, rect);
  for (const LineItem& line : scene.lines) draw_line(c, line);
  for (const ShapeItem& item : scene.shapes) {
    place_shape(c, item);
    set_color(c, item.rgb);
    cairo_fill(c);
  }
  for (const TextItem& item : scene.texts) {
    place_text(c, item);
    set_color(c, item.rgb);
    cairo_fill(c);
  }
}

cairo_status_t append_bytes(void* closure, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

Box measure(const ShapeItem& item) {
  const Canvas canvas(CAIRO_FORMAT_A8, 1, 1);
  cairo_t* c = canvas.context.get();
  place_shape(c, item);
  Box box;
  cairo_fill_extents(c, &box.x1, &box.y1, &box.x2, &box.y2);
  return box;
}

Box measure(const TextItem& item) {
  const Canvas canvas(CAIRO_FORMAT_A8, 1, 1);
  cairo_t* c = canvas.context.get();
  place_text(c, item);
  Box box;
  cairo_fill_extents(c, &box.x1, &box.y1, &box.x2, &box.y2);
  return box;
}

std::vector<Box> measure_characters(const TextItem& item) {
  const Canvas canvas(CAIRO_FORMAT_A8, 1, 1);
  cairo_t* c = canvas.context.get();
  choose_font(c, item.font, item.font_size);
  std::vector<Box> boxes;
  for (size_t i = 0; i < item.text.size(); ++i) {
    cairo_text_extents_t before;
    cairo_text_extents_t ink;
    cairo_text_extents(c, item.text.substr(0, i).c_str(), &before);
    cairo_text_extents(c, item.text.substr(i, 1).c_str(), &ink);
    const double x = item.x + before.x_advance + ink.x_bearing;
    const double y = item.y + ink.y_bearing;
    boxes.push_back({x, y, x + ink.width, y + ink.height});
  }
  return boxes;
}

media::Image render(const Scene& scene, uint64_t noise_seed, const RenderOptions& options) {
  const Canvas canvas(CAIRO_FORMAT_RGB24, scene.width, scene.height);
  draw_scene(canvas.context.get(), scene);
  cairo_surface_flush(canvas.surface.get());
  const uint8_t* rows = cairo_image_surface_get_data(canvas.surface.get());
  const int stride = cairo_image_surface_get_stride(canvas.surface.get());
  media::Image image{scene.width, scene.height, {}};
  image.data.resize(static_cast<size_t>(scene.width) * scene.height * 3);
  uint8_t* out = image.data.data();
  for (int y = 0; y < scene.height; ++y) {
    const auto* row = reinterpret_cast<const uint32_t*>(rows + static_cast<ptrdiff_t>(y) * stride);
    for (int x = 0; x < scene.width; ++x) {
      *out++ = static_cast<uint8_t>(row[x] >> 16);
      *out++ = static_cast<uint8_t>(row[x] >> 8);
      *out++ = static_cast<uint8_t>(row[x]);
    }
  }
  if (options.degrade) {
    if (scene.background.noise > 0) add_noise(image, scene.background.noise, noise_seed);
    if (scene.background.jpeg_quality > 0) jpeg_loss(image, scene.background.jpeg_quality);
  }
  return image;
}

std::string encode_png(const media::Image& image) {
  const Canvas canvas(CAIRO_FORMAT_RGB24, image.width, image.height);
  cairo_surface_flush(canvas.surface.get());
  uint8_t* rows = cairo_image_surface_get_data(canvas.surface.get());
  const int stride = cairo_image_surface_get_stride(canvas.surface.get());
  for (int y = 0; y < image.height; ++y) {
    auto* row = reinterpret_cast<uint32_t*>(rows + static_cast<ptrdiff_t>(y) * stride);
    for (int x = 0; x < image.width; ++x) {
      const uint8_t* p = image.pixel(x, y);
      row[x] = 0xFF000000u | (uint32_t{p[0]} << 16) | (uint32_t{p[1]} << 8) | p[2];
    }
  }
  cairo_surface_mark_dirty(canvas.surface.get());
  std::string png;
  GLMV_CHECK(cairo_surface_write_to_png_stream(canvas.surface.get(), append_bytes, &png) ==
             CAIRO_STATUS_SUCCESS);
  return png;
}

}  // namespace glmv::synth
