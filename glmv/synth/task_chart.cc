// Bar charts with two to four bars, values written above them or read off an axis.

#include <algorithm>
#include <cmath>
#include <string>

#include "glmv/synth/draft.h"
#include "glmv/synth/fonts.h"
#include "glmv/synth/layout.h"
#include "glmv/synth/render.h"

namespace glmv::synth {
namespace {

constexpr std::string_view kTrainingLabels[] = {"A",   "B",   "C",   "D",   "E",   "F",
                                                "Mon", "Tue", "Wed", "Jan", "Feb", "Mar",
                                                "cat", "dog", "cow", "pen", "car", "bus"};
constexpr std::string_view kTestLabels[] = {"G", "H", "K", "Thu", "Fri", "Sun", "pig", "hat"};

struct Plot {
  int font = 0;
  double font_size = 11;
  Rgb ink;
  Box area;  // where bars stand
  int top_value = 10;
};

void add_text(const Plot& plot, Scene& scene, const std::string& text, double x, double y) {
  TextItem item;
  item.text = text;
  item.font = plot.font;
  item.font_size = plot.font_size;
  item.rgb = plot.ink;
  item.box = measure(item);
  const double dx = x - item.box.center_x();
  const double dy = y - item.box.center_y();
  item.x += dx;
  item.y += dy;
  item.box = {item.box.x1 + dx, item.box.y1 + dy, item.box.x2 + dx, item.box.y2 + dy};
  scene.texts.push_back(item);
}

double height_of(const Plot& plot, int value) {
  return plot.area.height() * value / plot.top_value;
}

void add_axis(const Plot& plot, Scene& scene, bool gridlines) {
  const Box& a = plot.area;
  scene.lines.push_back({a.x1, a.y2, a.x2, a.y2, plot.ink, 1.2});
  scene.lines.push_back({a.x1, a.y1, a.x1, a.y2, plot.ink, 1.2});
  if (!gridlines) return;
  const Rgb from = scene.background.from;
  const int shift = from.g > 128 ? -45 : 45;
  const auto level = static_cast<uint8_t>(std::clamp(from.g + shift, 0, 255));
  for (int value = 0; value <= plot.top_value; value += 2) {
    const double y = a.y2 - height_of(plot, value);
    add_text(plot, scene, std::to_string(value), a.x1 - plot.font_size * 0.65, y);
    if (value > 0) scene.lines.push_back({a.x1, y, a.x2, y, {level, level, level}, 1});
  }
}

// Labels, values and colours, all different; false when the dice repeat themselves.
std::vector<Bar> random_bars(Draft& draft, int count, int most) {
  Dice& dice = draft.dice;
  std::vector<Bar> bars;
  const bool one_color = dice.chance(0.3);
  const auto shared = static_cast<Color>(dice.between(0, kNumColors - 2));
  while (static_cast<int>(bars.size()) < count) {
    Bar bar;
    bar.label = draft.split == Split::kTest && dice.chance(0.5) ? dice.pick(kTestLabels)
                                                                : dice.pick(kTrainingLabels);
    bar.value = dice.between(1, most);
    bar.color = one_color ? shared : static_cast<Color>(dice.between(0, kNumColors - 2));
    const bool clash = std::ranges::any_of(bars, [&](const Bar& other) {
      return other.label == bar.label || other.value == bar.value ||
             (!one_color && other.color == bar.color);
    });
    if (!clash) bars.push_back(bar);
  }
  return bars;
}

std::string value(const Bar& bar) { return std::to_string(bar.value); }

// "C 9 a Mon 5 b; Mon 5": all bars as `text` has them, then the one that counts.
std::string thought(const Scene& scene, std::string (*text)(const Bar&), const Bar& found) {
  std::string all;
  for (size_t i = 0; i < scene.bars.size(); ++i) {
    all += (i > 0 ? " " : "") + text(scene.bars[i]) + place(i);
  }
  return all + "; " + text(found);
}

}  // namespace

bool draft_chart(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  Scene& scene = sample.scene;
  const int count = draft.tier == 1 ? 2 : draft.plan.between(2, 4);
  const bool by_axis = draft.tier == 3 && draft.plan.chance(0.4);
  scene.width = count == 4 || dice.chance(0.3) ? 140 : 112;
  scene.height = 112;

  Plot plot;
  const bool held_out = draft.split == Split::kTest && dice.chance(0.5);
  do {
    plot.font = dice.between(0, static_cast<int>(fonts().size()) - 1);
  } while (fonts()[plot.font].test_only != held_out);
  plot.font_size = by_axis ? 10.5 : dice.real(11, 14);
  plot.top_value = by_axis ? 10 : dice.chance(0.5) ? 10 : 30;
  scene.bars = random_bars(draft, count, by_axis ? 10 : plot.top_value - 1);

  std::vector<Rgb> inks;
  for (const Bar& bar : scene.bars) inks.push_back(color_variant(dice, bar.color));
  if (!choose_background(dice, 1, inks, scene)) return false;
  const bool light = color_distance(scene.background.from, {0, 0, 0}) > 260;
  const auto ink_level = static_cast<uint8_t>(light ? dice.between(0, 60) : 245);
  plot.ink = {ink_level, ink_level, ink_level};
  const double left = by_axis ? plot.font_size * 1.6 : dice.real(5, 12);
  plot.area = {left, plot.font_size * 1.4, scene.width - dice.real(4, 8),
               scene.height - plot.font_size * 1.5};
  add_axis(plot, scene, by_axis);

  const double slot = plot.area.width() / count;
  const double width = slot * dice.real(0.45, 0.7);
  for (int i = 0; i < count; ++i) {
    Bar& bar = scene.bars[i];
    const double middle = plot.area.x1 + slot * (i + 0.5);
    bar.box = {middle - width / 2, plot.area.y2 - height_of(plot, bar.value), middle + width / 2,
               plot.area.y2};
    RectItem rect;
    rect.box = bar.box;
    rect.fill = inks[i];
    scene.rects.push_back(rect);
    add_text(plot, scene, bar.label, middle, plot.area.y2 + plot.font_size * 0.8);
    if (scene.texts.back().box.width() > slot - 2) return false;
    if (!by_axis) {
      add_text(plot, scene, std::to_string(bar.value), middle, bar.box.y1 - plot.font_size * 0.6);
    }
  }

  const bool colors_differ = scene.bars[0].color != scene.bars[1].color;
  const Bar& target = dice.pick(scene.bars);
  switch (dice.weighted({0.45, colors_differ ? 0.2 : 0.0, 0.35})) {
    case 0:
      sample.question = draft.ask(Form::kBarValue, {{"label", target.label}});
      sample.answer = std::to_string(target.value);
      sample.thought =
          thought(scene, [](const Bar& b) { return b.label + " " + value(b); }, target);
      sample.verifier = VerifierKind::kInteger;
      break;
    case 1:
      sample.question =
          draft.ask(Form::kBarColorValue, {{"color", std::string(color_name(target.color))}});
      sample.answer = std::to_string(target.value);
      sample.verifier = VerifierKind::kInteger;
      sample.thought = thought(
          scene, [](const Bar& b) { return std::string(color_name(b.color)) + " " + value(b); },
          target);
      break;
    default: {
      const bool largest = dice.chance(0.5);
      const std::string_view words[2][3] = {{"smallest", "lowest", "shortest"},
                                            {"largest", "highest", "tallest"}};
      sample.question =
          draft.ask(Form::kBarExtreme, {{"most", std::string(words[largest][dice.between(0, 2)])}});
      const auto by_value = [](const Bar& a, const Bar& b) { return a.value < b.value; };
      const Bar& found = largest ? *std::ranges::max_element(scene.bars, by_value)
                                 : *std::ranges::min_element(scene.bars, by_value);
      sample.answer = found.label;
      sample.thought = thought(scene, [](const Bar& b) { return value(b) + " " + b.label; }, found);
      sample.verifier = VerifierKind::kExact;
    }
  }
  return true;
}

}  // namespace glmv::synth
