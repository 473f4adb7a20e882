#include "glmv/synth/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace glmv::synth {
namespace {

constexpr std::array<std::string_view, kNumShapes> kShapeNames = {"circle", "square", "triangle",
                                                                  "star",   "cross",  "ring"};
constexpr std::array<std::string_view, kNumColors> kColorNames = {
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "black"};
constexpr std::array<std::string_view, 3> kSizeNames = {"small", "medium", "large"};

}  // namespace

std::string_view shape_name(Shape shape) { return kShapeNames[static_cast<int>(shape)]; }
std::string_view color_name(Color color) { return kColorNames[static_cast<int>(color)]; }
std::string_view size_name(Size size) { return kSizeNames[static_cast<int>(size)]; }

bool is_held_out(Color color, Shape shape) {
  return std::ranges::find(kHeldOutPairs, ColoredShape{color, shape}) != kHeldOutPairs.end();
}

double color_distance(Rgb a, Rgb b) {
  const double dr = a.r - b.r;
  const double dg = a.g - b.g;
  const double db = a.b - b.b;
  return std::sqrt(dr * dr + 2 * dg * dg + db * db);
}

bool overlaps(const Box& a, const Box& b) {
  return a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2;
}

Box united(const Box& a, const Box& b) {
  return {std::min(a.x1, b.x1), std::min(a.y1, b.y1), std::max(a.x2, b.x2), std::max(a.y2, b.y2)};
}

Size ShapeItem::size() const {
  if (extent <= kSmallMax) return Size::kSmall;
  return extent <= kMediumMax ? Size::kMedium : Size::kLarge;
}

std::string pair_name(Color color, Shape shape) {
  return fmt::format("{} {}", color_name(color), shape_name(shape));
}

std::string item_name(const ShapeItem& item) { return pair_name(item.color, item.shape); }

void sort_reading_order(std::vector<ShapeItem>& shapes) {
  std::ranges::stable_sort(shapes, [](const ShapeItem& a, const ShapeItem& b) {
    const int row_a = static_cast<int>(a.box.center_y()) / kRowHeight;
    const int row_b = static_cast<int>(b.box.center_y()) / kRowHeight;
    if (row_a != row_b) return row_a < row_b;
    return a.box.center_x() < b.box.center_x();
  });
}

GridBox to_grid(const Box& box, const Scene& scene) {
  const auto scaled = [](double value, int extent) {
    return std::clamp(static_cast<int>(std::lround(value * 1000 / extent)), 0, 999);
  };
  return {scaled(box.x1, scene.width), scaled(box.y1, scene.height), scaled(box.x2, scene.width),
          scaled(box.y2, scene.height)};
}

std::string boxes_text(const std::vector<GridBox>& boxes) {
  std::string text = "[";
  for (const GridBox& box : boxes) {
    if (text.size() > 1) text += ",";
    text += fmt::format("[{},{},{},{}]", box.x1, box.y1, box.x2, box.y2);
  }
  return text + "]";
}

}  // namespace glmv::synth
