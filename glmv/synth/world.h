#pragma once
// The world of the generated pictures: coloured shapes, written text, bars and window controls on
// a plain, graded or dark background. A Scene is pure data: everything a picture shows and
// everything a question can be asked about. render.h draws it.
//
// Pixel coordinates have their origin at the top left corner; boxes are [x1, x2) x [y1, y2).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::synth {

enum class Split { kTrain, kTest };

enum class Shape { kCircle, kSquare, kTriangle, kStar, kCross, kRing };
inline constexpr int kNumShapes = 6;
enum class Color { kRed, kOrange, kYellow, kGreen, kBlue, kPurple, kPink, kBlack };
inline constexpr int kNumColors = 8;
enum class Size { kSmall, kMedium, kLarge };

std::string_view shape_name(Shape shape);
std::string_view color_name(Color color);
std::string_view size_name(Size size);

// Colour-shape pairs that occur in no training picture, question or answer: they test whether the
// model composes. Three of the 48.
struct ColoredShape {
  Color color;
  Shape shape;
  friend bool operator==(const ColoredShape&, const ColoredShape&) = default;
};
inline constexpr std::array<ColoredShape, 3> kHeldOutPairs = {
    ColoredShape{Color::kPurple, Shape::kStar}, ColoredShape{Color::kOrange, Shape::kTriangle},
    ColoredShape{Color::kPink, Shape::kRing}};
bool is_held_out(Color color, Shape shape);

struct Rgb {
  uint8_t r = 0;
  uint8_t g = 0;
  uint8_t b = 0;
  friend bool operator==(const Rgb&, const Rgb&) = default;
};

// Euclidean distance in RGB with green counted double: a cheap stand-in for visibility.
double color_distance(Rgb a, Rgb b);

struct Box {
  double x1 = 0;
  double y1 = 0;
  double x2 = 0;
  double y2 = 0;

  double center_x() const { return (x1 + x2) / 2; }
  double center_y() const { return (y1 + y2) / 2; }
  double width() const { return x2 - x1; }
  double height() const { return y2 - y1; }
  Box grown(double margin) const { return {x1 - margin, y1 - margin, x2 + margin, y2 + margin}; }
};
bool overlaps(const Box& a, const Box& b);
Box united(const Box& a, const Box& b);

struct ShapeItem {
  Shape shape = Shape::kCircle;
  Color color = Color::kRed;
  Rgb rgb;
  double center_x = 0;
  double center_y = 0;
  double extent = 20;       // side of the shape's upright bounding square before rotation
  double rotation = 0;      // radians
  double thickness = 0.32;  // cross: arm; ring: band; star: inner radius; triangle:
                            // offset of the apex (all relative)
  Box box;                  // tight box of what is drawn (render.h: measure)

  Size size() const;
};
// Extents of the three size classes (pixels); between them lies a gap, so that the question
// "small, medium or large?" always has one answer.
inline constexpr double kSmallest = 18;
inline constexpr double kSmallMax = 22;
inline constexpr double kMediumMin = 28;
inline constexpr double kMediumMax = 34;
inline constexpr double kLargeMin = 42;

// "red star"
std::string item_name(const ShapeItem& item);
std::string pair_name(Color color, Shape shape);

struct TextItem {
  std::string text;
  int font = 0;  // row of fonts.h
  double font_size = 20;
  Rgb rgb;
  double x = 0;  // left end of the baseline
  double y = 0;
  Box box;  // tight box of the ink (render.h: measure)
};

// Bars, buttons, window frames, title bars, lines.
struct RectItem {
  Box box;
  Rgb fill;
  std::optional<Rgb> border;
  double border_width = 1;
  double radius = 0;
};

struct LineItem {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  Rgb rgb;
  double width = 1;
};

struct Background {
  Rgb from;
  Rgb to;                // equal to `from`: plain
  double angle = 0;      // of the gradient, radians
  double noise = 0;      // amplitude of the per-pixel noise, 0-255 scale
  int jpeg_quality = 0;  // 0: never compressed
};

// A bar of a chart.
struct Bar {
  std::string label;
  int value = 0;
  Color color = Color::kBlue;
  Box box;
};

enum class WidgetKind { kButton, kCheckbox, kClose, kField };
// A control of a window; `box` is the area that reacts to a click.
struct Widget {
  WidgetKind kind = WidgetKind::kButton;
  std::string label;
  Box box;
};

struct Scene {
  int width = 112;
  int height = 112;
  Background background;
  // Drawn in this order.
  std::vector<RectItem> rects;
  std::vector<LineItem> lines;
  std::vector<ShapeItem> shapes;  // in reading order
  std::vector<TextItem> texts;
  // What rects and texts mean, when the scene is a chart or a window.
  std::vector<Bar> bars;
  std::vector<Widget> widgets;
};

// Reading order: rows of kRowHeight pixels from the top (by centre), in a row from the left.
inline constexpr int kRowHeight = 28;
void sort_reading_order(std::vector<ShapeItem>& shapes);

// Box in thousandths of the picture (0-999), rounded to nearest.
struct GridBox {
  int x1 = 0;
  int y1 = 0;
  int x2 = 0;
  int y2 = 0;
  friend bool operator==(const GridBox&, const GridBox&) = default;
};
GridBox to_grid(const Box& box, const Scene& scene);
// "[[12,40,208,333]]", several boxes inside the outer brackets.
std::string boxes_text(const std::vector<GridBox>& boxes);

}  // namespace glmv::synth
