#include "glmv/synth/layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "glmv/synth/render.h"

namespace glmv::synth {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kMinContrast = 120;
constexpr double kMaxTilt = 0.12;  // radians

// Up to five variants a colour.
constexpr std::array<std::array<Rgb, 5>, kNumColors> kVariants = {{
    {{{255, 0, 0}, {220, 20, 40}, {200, 30, 30}, {229, 57, 53}, {178, 24, 24}}},
    {{{255, 165, 0}, {255, 140, 0}, {243, 122, 20}, {251, 140, 0}, {255, 127, 14}}},
    {{{255, 255, 0}, {255, 235, 59}, {250, 220, 40}, {253, 216, 53}, {240, 225, 0}}},
    {{{0, 128, 0}, {0, 200, 0}, {0, 255, 0}, {76, 175, 80}, {34, 139, 34}}},
    {{{0, 0, 255}, {30, 100, 220}, {66, 133, 244}, {20, 50, 170}, {31, 119, 200}}},
    {{{128, 0, 128}, {138, 43, 226}, {150, 50, 180}, {110, 40, 160}, {142, 36, 170}}},
    {{{255, 192, 203}, {255, 105, 180}, {255, 150, 190}, {240, 128, 170}, {248, 160, 200}}},
    {{{0, 0, 0}, {0, 0, 0}, {25, 25, 25}, {40, 40, 40}, {15, 15, 20}}},
}};

uint8_t shifted(Dice& dice, uint8_t value, int by) {
  return static_cast<uint8_t>(std::clamp(value + dice.between(-by, by), 0, 255));
}

Rgb shifted(Dice& dice, Rgb rgb, int by) {
  return {shifted(dice, rgb.r, by), shifted(dice, rgb.g, by), shifted(dice, rgb.b, by)};
}

Rgb gray(int level) {
  const auto value = static_cast<uint8_t>(level);
  return {value, value, value};
}

Rgb light_tone(Dice& dice) { return shifted(dice, gray(dice.between(215, 248)), 18); }
Rgb dark_tone(Dice& dice) { return shifted(dice, gray(dice.between(18, 60)), 14); }

double extent_for(Dice& dice, int tier, size_t count, std::optional<Size> size) {
  if (size == Size::kSmall) return dice.real(kSmallest, kSmallMax);
  if (size == Size::kMedium) return dice.real(kMediumMin, kMediumMax);
  if (size == Size::kLarge) return dice.real(kLargeMin, count <= 2 ? 60 : 50);
  const double largest = count <= 1 ? 76 : count <= 2 ? 52 : count <= 4 ? 36 : 30;
  const double smallest = tier == 1 ? 24 : tier == 2 ? 20 : kSmallest;
  return dice.real(smallest, largest);
}

void style_shape(Dice& dice, int tier, ShapeItem& item) {
  switch (item.shape) {
    case Shape::kRing:
      item.thickness = dice.real(0.14, 0.22);
      break;
    case Shape::kCross:
      item.thickness = dice.real(0.24, 0.36);
      break;
    case Shape::kStar:
      item.thickness = dice.real(0.38, 0.46);
      break;
    case Shape::kTriangle:
      item.thickness = tier < 3 || dice.chance(0.7) ? 0 : dice.real(-0.4, 0.4);
      break;
    default:
      break;
  }
  const bool round = item.shape == Shape::kCircle || item.shape == Shape::kRing;
  if (!round && tier > 1 && dice.chance(0.4)) item.rotation = dice.real(-kMaxTilt, kMaxTilt);
}

// Moves the shape so that its tight box starts at (x, y).
void move_to(ShapeItem& item, double x, double y) {
  const double dx = x - item.box.x1;
  const double dy = y - item.box.y1;
  item.center_x += dx;
  item.center_y += dy;
  item.box = {item.box.x1 + dx, item.box.y1 + dy, item.box.x2 + dx, item.box.y2 + dy};
}

// Clear of the others, and not beside one of them at the same place of the same reading row.
bool has_room(const ShapeItem& item, const std::vector<ShapeItem>& others, double gap) {
  for (const ShapeItem& other : others) {
    if (overlaps(item.box.grown(gap), other.box)) return false;
    const bool same_row = static_cast<int>(item.box.center_y()) / kRowHeight ==
                          static_cast<int>(other.box.center_y()) / kRowHeight;
    if (same_row && std::abs(item.box.center_x() - other.box.center_x()) < 6) return false;
  }
  return true;
}

}  // namespace

Rgb color_variant(Dice& dice, Color color) {
  const auto& variants = kVariants[static_cast<int>(color)];
  return shifted(dice, dice.pick(variants), color == Color::kBlack ? 8 : 14);
}

void choose_canvas(Dice& dice, int tier, Scene& scene) {
  struct Option {
    int width, height;
    double weight;
  };
  static constexpr Option kOptions[] = {
      {112, 112, 0.72}, {140, 112, 0.06}, {112, 140, 0.04}, {140, 84, 0.03},  {84, 140, 0.02},
      {168, 84, 0.02},  {140, 140, 0.04}, {168, 112, 0.04}, {112, 168, 0.02}, {168, 168, 0.01}};
  int choice = 0;
  if (tier > 1 || dice.chance(0.3)) {
    std::array<double, std::size(kOptions)> weights;
    for (size_t i = 0; i < weights.size(); ++i) weights[i] = kOptions[i].weight;
    choice = dice.weighted(weights);
  }
  scene.width = kOptions[choice].width;
  scene.height = kOptions[choice].height;
}

double contrast(const Background& background, Rgb ink) {
  return std::min(color_distance(background.from, ink), color_distance(background.to, ink));
}

bool choose_background(Dice& dice, int tier, const std::vector<Rgb>& inks, Scene& scene) {
  Background& b = scene.background;
  for (int attempt = 0; attempt < 12; ++attempt) {
    b = {};
    const double roll = dice.real(0, 1);
    if (roll < 0.3 || attempt > 8) {
      b.from = b.to = gray(dice.chance(0.8) ? 255 : 245);
    } else if (tier == 1 || roll < 0.8) {
      b.from = b.to = light_tone(dice);
    } else if (roll < 0.9) {
      b.from = b.to = dark_tone(dice);
    } else {
      b.from = light_tone(dice);
      b.to = shifted(dice, b.from, 25);
      b.angle = dice.real(0, 2 * kPi);
    }
    const bool visible =
        std::ranges::all_of(inks, [&](Rgb ink) { return contrast(b, ink) >= kMinContrast; });
    if (!visible) continue;
    if (dice.chance(0.3)) b.noise = dice.real(2, 8);
    if (tier > 1 && dice.chance(0.15)) b.jpeg_quality = dice.between(75, 95);
    return true;
  }
  return false;
}

Rgb choose_ink(Dice& dice, const Scene& scene) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    const double roll = dice.real(0, 1);
    const Rgb ink = roll < 0.45 ? gray(dice.between(0, 50))
                    : roll < 0.55
                        ? gray(dice.between(230, 255))
                        : color_variant(dice, static_cast<Color>(dice.between(0, kNumColors - 1)));
    if (contrast(scene.background, ink) >= 190) return ink;
  }
  const Rgb black = gray(0);
  const Rgb white = gray(255);
  return contrast(scene.background, black) > contrast(scene.background, white) ? black : white;
}

bool allowed(Split split, const Wanted& wanted) {
  return split == Split::kTest || !is_held_out(wanted.color, wanted.shape);
}

bool same_pair(const Wanted& a, const Wanted& b) {
  return a.color == b.color && a.shape == b.shape;
}

Wanted random_wanted(Dice& dice, Split split) {
  if (split == Split::kTest && dice.chance(0.2)) {
    const ColoredShape& pair = dice.pick(kHeldOutPairs);
    return {pair.color, pair.shape, {}};
  }
  Wanted wanted;
  do {
    wanted.color = static_cast<Color>(dice.between(0, kNumColors - 1));
    wanted.shape = static_cast<Shape>(dice.between(0, kNumShapes - 1));
  } while (!allowed(split, wanted));
  return wanted;
}

std::vector<Wanted> wanted_apart(Dice& dice, Split split, int count,
                                 bool (*same)(const Wanted&, const Wanted&)) {
  std::vector<Wanted> wanted;
  while (static_cast<int>(wanted.size()) < count) {
    const Wanted one = random_wanted(dice, split);
    const bool taken =
        std::ranges::any_of(wanted, [&](const Wanted& other) { return same(one, other); });
    if (!taken) wanted.push_back(one);
  }
  return wanted;
}

int object_count(Dice& dice, int tier) {
  if (tier == 1) return dice.between(1, 2);
  return tier == 2 ? dice.between(2, 4) : dice.between(2, 6);
}

namespace {

// Tries some places for the shape; true when it found one clear of `taken` and the others.
bool place(Dice& dice, ShapeItem& item, const Scene& scene, double gap, bool may_shrink,
           const Box* taken) {
  for (int attempt = 0; attempt < 30; ++attempt) {
    if (attempt == 15 && may_shrink) item.extent = std::max(kSmallest, item.extent * 0.75);
    if (attempt == 0 || attempt == 15) item.box = measure(item);
    const double room_x = scene.width - item.box.width() - 2;
    const double room_y = scene.height - item.box.height() - 2;
    if (room_x < 0 || room_y < 0) continue;
    move_to(item, 1 + dice.real(0, room_x), 1 + dice.real(0, room_y));
    if (taken != nullptr && overlaps(item.box.grown(gap), *taken)) continue;
    if (has_room(item, scene.shapes, gap)) return true;
  }
  return false;
}

}  // namespace

void add_side_shapes(Dice& dice, Split split, Scene& scene) {
  Box taken = scene.texts.at(0).box;
  for (const TextItem& item : scene.texts) taken = united(taken, item.box);
  const int count = dice.between(1, 2);
  for (int i = 0; i < count; ++i) {
    const Wanted want = random_wanted(dice, split);
    ShapeItem item;
    item.shape = want.shape;
    item.color = want.color;
    item.rgb = color_variant(dice, want.color);
    item.extent = dice.real(kSmallest, 26);
    style_shape(dice, 1, item);
    if (contrast(scene.background, item.rgb) < kMinContrast) continue;
    if (place(dice, item, scene, 4, false, &taken)) scene.shapes.push_back(item);
  }
  sort_reading_order(scene.shapes);
}

bool build_shapes(Dice& dice, int tier, const std::vector<Wanted>& wanted, Scene& scene) {
  choose_canvas(dice, tier, scene);
  scene.shapes.clear();
  std::vector<Rgb> inks;
  const double gap = tier == 1 ? 5 : 3;
  for (const Wanted& want : wanted) {
    ShapeItem item;
    item.shape = want.shape;
    item.color = want.color;
    item.rgb = color_variant(dice, want.color);
    item.extent = extent_for(dice, tier, wanted.size(), want.size);
    style_shape(dice, tier, item);
    if (!place(dice, item, scene, gap, !want.size, nullptr)) return false;
    inks.push_back(item.rgb);
    scene.shapes.push_back(item);
  }
  if (!choose_background(dice, tier, inks, scene)) return false;
  sort_reading_order(scene.shapes);
  return true;
}

}  // namespace glmv::synth
