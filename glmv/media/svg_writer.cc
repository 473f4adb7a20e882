#include "glmv/media/svg_writer.h"

#include <algorithm>
#include <cmath>

#include "glmv/base/utf8.h"
#include "glmv/media/label_chip.h"

namespace glmv::media {
namespace {

constexpr int kMaxSide = 32767;  // of the surface that measures labels

std::string color_text(Color color) {
  const auto byte = [](double channel) { return static_cast<int>(std::lround(channel * 255)); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(color.r), byte(color.g), byte(color.b));
}

// At most three decimals, none that are zero.
std::string number(double value) {
  std::string text = fmt::format("{:.3f}", value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string outline(const Shape& shape, const std::string& color, int width, int height) {
  const double line = box_line_width(width, height);
  const Rect rect = bounds_of(shape);
  switch (shape.kind) {
    case ShapeKind::kBox: {
      const double inset = line / 2;
      return fmt::format(
          R"(<rect x="{}" y="{}" width="{}" height="{}" fill="{}" fill-opacity="0.15"/>)"
          R"(<rect x="{}" y="{}" width="{}" height="{}" fill="none" stroke="{}" stroke-width="{}"/>)",
          number(rect.x1), number(rect.y1), number(rect.x2 - rect.x1), number(rect.y2 - rect.y1),
          color, number(rect.x1 + inset), number(rect.y1 + inset),
          number(std::max(0.0, rect.x2 - rect.x1 - line)),
          number(std::max(0.0, rect.y2 - rect.y1 - line)), color, number(line));
    }
    case ShapeKind::kPoint: {
      const double radius = point_radius(width, height);
      return fmt::format(
          R"(<circle cx="{}" cy="{}" r="{}" fill="{}"/><circle cx="{}" cy="{}" r="{}" fill="{}"/>)",
          number(rect.x1), number(rect.y1), number(radius),
          color_text(contrast_color(label_color(shape.label))), number(rect.x1), number(rect.y1),
          number(radius * 0.75), color);
    }
    case ShapeKind::kPolygon: {
      std::string points;
      for (const Vec2& p : shape.points) points += number(p.x) + "," + number(p.y) + " ";
      points.pop_back();
      return fmt::format(R"(<polygon points="{}" fill="{}" fill-opacity="0.15" stroke="{}" )"
                         R"(stroke-width="{}" stroke-linejoin="round"/>)",
                         points, color, color, number(line));
    }
    case ShapeKind::kWire:
      break;
  }
  std::string path;
  for (size_t i = 0; i + 1 < shape.points.size(); i += 2) {
    path += fmt::format("M{} {}L{} {}", number(shape.points[i].x), number(shape.points[i].y),
                        number(shape.points[i + 1].x), number(shape.points[i + 1].y));
  }
  return fmt::format(
      R"(<path d="{}" fill="none" stroke="{}" stroke-width="{}" stroke-linecap="round"/>)", path,
      color, number(line));
}

std::string chip_text(Canvas& canvas, const Shape& shape) {
  Rect around = bounds_of(shape);
  if (shape.kind == ShapeKind::kPoint) {
    const double radius = point_radius(canvas.width(), canvas.height());
    around = {around.x1 + radius, around.y1 - radius, around.x2, around.y2};
  }
  const LabelChip chip = lay_out_chip(canvas, around, shape.label);
  return fmt::format(R"(<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>)"
                     R"(<text x="{}" y="{}" font-size="{}" textLength="{}" fill="{}">{}</text>)",
                     number(chip.box.x1), number(chip.box.y1), number(chip.box.x2 - chip.box.x1),
                     number(chip.box.y2 - chip.box.y1), color_text(chip.fill), number(chip.text_x),
                     number(chip.baseline), number(chip.font_px), number(chip.text_width),
                     color_text(chip.ink), xml_text(chip.text));
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string out;
  const std::string valid = repair_utf8(text);
  for (size_t pos = 0; pos < valid.size();) {
    const DecodedChar c = decode_utf8(valid, pos);
    const std::string_view bytes = std::string_view(valid).substr(pos, c.num_bytes);
    pos += c.num_bytes;
    const char32_t code = c.code_point;
    if (code == '&') {
      out += "&amp;";
    } else if (code == '<') {
      out += "&lt;";
    } else if (code == '>') {
      out += "&gt;";
    } else if (code == '"') {
      out += "&quot;";
    } else if ((code < 0x20 && code != '\t' && code != '\n') || code == 0xFFFE || code == 0xFFFF) {
      append_utf8(out, 0xFFFD);
    } else {
      out += bytes;
    }
  }
  return out;
}

Result<std::string> svg_of_shapes(const SvgPicture& picture, std::span<const Shape> shapes) {
  if (picture.width > kMaxSide || picture.height > kMaxSide) {
    return unsupported("an SVG of {} x {} pixels cannot be made; the limit is {} per side",
                       picture.width, picture.height, kMaxSide);
  }
  GLMV_ASSIGN(const std::vector<Shape> visible, clip_shapes(shapes, picture.width, picture.height));
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" overflow=\"hidden\" "
      "font-family=\"sans-serif, 'Noto Sans CJK SC'\">\n",
      picture.width, picture.height);
  if (!picture.metadata.empty()) {
    out += "<metadata>" + xml_text(picture.metadata) + "</metadata>\n";
  }
  if (!picture.href.empty()) {
    out += fmt::format("<image width=\"{}\" height=\"{}\" href=\"{}\"/>\n", picture.width,
                       picture.height, xml_text(picture.href));
  }
  const auto group = [&](const Shape& shape, const std::string& content) {
    out += fmt::format("<g data-label=\"{}\">{}</g>\n", xml_text(drawable_label(shape.label)),
                       content);
  };
  for (const Shape& shape : visible) {
    group(shape,
          outline(shape, color_text(label_color(shape.label)), picture.width, picture.height));
  }
  // Measures the labels; nothing is drawn on it.
  Canvas canvas(picture.width, picture.height, Color{});
  for (const Shape& shape : visible) {
    if (!shape.label.empty()) group(shape, chip_text(canvas, shape));
  }
  return out + "</svg>\n";
}

}  // namespace glmv::media
