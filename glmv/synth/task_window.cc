// Windows with buttons, checkboxes and a close control.

#include <algorithm>
#include <string>
#include <tuple>

#include "glmv/synth/draft.h"
#include "glmv/synth/fonts.h"
#include "glmv/synth/layout.h"
#include "glmv/synth/render.h"
#include "glmv/synth/words.h"

namespace glmv::synth {
namespace {

constexpr Rgb kBlack = {0, 0, 0};
constexpr Rgb kWhite = {255, 255, 255};

Rgb gray(int level) {
  const auto value = static_cast<uint8_t>(level);
  return {value, value, value};
}

Rgb ink_on(Rgb fill) { return color_distance(fill, kWhite) > 260 ? kWhite : kBlack; }

struct Theme {
  int font = 0;
  double font_size = 12;
  Rgb body, title, button;
  double radius = 0;
  bool border = true;
};

Theme random_theme(Draft& draft) {
  Dice& dice = draft.dice;
  Theme theme;
  const bool held_out = draft.split == Split::kTest && dice.chance(0.5);
  // Serif and monospace faces are rare in windows.
  do {
    theme.font = dice.between(0, static_cast<int>(fonts().size()) - 1);
  } while (fonts()[theme.font].test_only != held_out || fonts()[theme.font].italic);
  theme.font_size = draft.tier == 1 ? dice.real(14, 17) : dice.real(13, 16);
  const bool dark = dice.chance(0.2);
  theme.body = dark ? gray(dice.between(25, 60)) : gray(dice.between(225, 255));
  static constexpr Rgb kAccents[] = {{30, 100, 220}, {0, 120, 110}, {80, 80, 90},
                                     {140, 60, 150}, {200, 60, 40}, {210, 215, 225}};
  theme.title = dice.pick(kAccents);
  theme.button = dice.chance(0.5)
                     ? dice.pick(kAccents)
                     : (dark ? gray(dice.between(75, 100)) : gray(dice.between(195, 225)));
  theme.radius = dice.chance(0.5) ? dice.real(2, 7) : 0;
  theme.border = dice.chance(0.6);
  return theme;
}

TextItem label_at(const Theme& theme, const std::string& text, Rgb ink) {
  TextItem item;
  item.text = text;
  item.font = theme.font;
  item.font_size = theme.font_size;
  item.rgb = ink;
  item.box = measure(item);
  return item;
}

void center_text(TextItem& item, double x, double y) {
  const double dx = x - item.box.center_x();
  const double dy = y - item.box.center_y();
  item.x += dx;
  item.y += dy;
  item.box = {item.box.x1 + dx, item.box.y1 + dy, item.box.x2 + dx, item.box.y2 + dy};
}

// The title is no label of a control: "Click Save" must have one meaning.
void add_title_bar(Draft& draft, const Theme& theme, double height,
                   const std::vector<std::string>& labels) {
  Scene& scene = draft.sample.scene;
  RectItem bar;
  bar.box = {0, 0, double(scene.width), height};
  bar.fill = theme.title;
  scene.rects.push_back(bar);
  const Rgb ink = ink_on(theme.title);
  std::string words;
  do {
    words = draft.dice.pick(synth::labels());
  } while (std::ranges::find(labels, words) != labels.end());
  TextItem title = label_at(theme, words, ink);
  center_text(title, 5 + title.box.width() / 2, height / 2);
  if (title.box.x2 < scene.width - height - 4) scene.texts.push_back(title);
  // The X of the window is drawn as two strokes in a square at the right end.
  const double middle_x = scene.width - height / 2 - 1;
  const double arm = height * 0.22;
  for (double sign : {-1.0, 1.0}) {
    LineItem stroke;
    stroke.x1 = middle_x - arm;
    stroke.x2 = middle_x + arm;
    stroke.y1 = height / 2 - sign * arm;
    stroke.y2 = height / 2 + sign * arm;
    stroke.rgb = ink;
    stroke.width = 1.8;
    scene.lines.push_back(stroke);
  }
  const double half = height / 2 - 2;
  scene.widgets.push_back(
      {WidgetKind::kClose,
       "X",
       {middle_x - half, height / 2 - half, middle_x + half, height / 2 + half}});
}

void add_checkbox(Draft& draft, const Theme& theme, const std::string& label, double x, double y) {
  Scene& scene = draft.sample.scene;
  const Rgb ink = ink_on(theme.body);
  const double side = theme.font_size * 0.9;
  RectItem square;
  square.box = {x, y - side / 2, x + side, y + side / 2};
  square.fill = kWhite;
  square.border = gray(color_distance(theme.body, kBlack) > 260 ? 60 : 150);
  square.border_width = 1.2;
  scene.rects.push_back(square);
  if (draft.dice.chance(0.4)) {
    const Box& b = square.box;
    LineItem down{b.x1 + side * 0.2, y, b.x1 + side * 0.42, b.y2 - side * 0.22, kBlack, 1.5};
    LineItem up{down.x2, down.y2, b.x2 - side * 0.15, b.y1 + side * 0.2, kBlack, 1.5};
    scene.lines.push_back(down);
    scene.lines.push_back(up);
  }
  TextItem text = label_at(theme, label, ink);
  center_text(text, square.box.x2 + 5 + text.box.width() / 2, y);
  scene.texts.push_back(text);
  scene.widgets.push_back({WidgetKind::kCheckbox, label, united(square.box, text.box)});
}

bool add_buttons(Draft& draft, const Theme& theme, const std::vector<std::string>& labels,
                 double top) {
  Dice& dice = draft.dice;
  Scene& scene = draft.sample.scene;
  const double pad_x = dice.real(4, 8);
  const double pad_y = dice.real(3, 6);
  const double height = theme.font_size + 2 * pad_y;
  double x = dice.real(4, 10);
  double y = top + dice.real(3, 8);
  const bool column = dice.chance(0.4);
  for (const std::string& label : labels) {
    TextItem text = label_at(theme, label, ink_on(theme.button));
    const double width = text.box.width() + 2 * pad_x;
    if (!column && x + width > scene.width - 3) {
      x = dice.real(4, 10);
      y += height + dice.real(4, 8);
    }
    if (x + width > scene.width - 2 || y + height > scene.height - 2) return false;
    RectItem button;
    button.box = {x, y, x + width, y + height};
    button.fill = theme.button;
    button.radius = theme.radius;
    if (theme.border) button.border = gray(color_distance(theme.button, kBlack) > 200 ? 90 : 200);
    scene.rects.push_back(button);
    center_text(text, button.box.center_x(), button.box.center_y());
    scene.texts.push_back(text);
    scene.widgets.push_back({WidgetKind::kButton, label, button.box});
    if (column) {
      y += height + dice.real(3, 8);
    } else {
      x += width + dice.real(4, 12);
    }
  }
  return true;
}

bool draft_window(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  Scene& scene = sample.scene;
  static constexpr std::pair<int, int> kCanvases[] = {
      {112, 112}, {140, 112}, {168, 112}, {112, 140}, {140, 140}};
  std::tie(scene.width, scene.height) = dice.pick(kCanvases);
  const Theme theme = random_theme(draft);
  scene.background.from = scene.background.to = theme.body;
  if (dice.chance(0.2)) scene.background.noise = dice.real(1, 4);
  if (dice.chance(0.1)) scene.background.jpeg_quality = dice.between(80, 95);

  const int num_buttons = draft.tier == 1 ? draft.plan.between(1, 2) : draft.plan.between(2, 3);
  std::vector<std::string> labels;
  const bool checkbox = draft.tier >= 2 && dice.chance(0.4);
  while (static_cast<int>(labels.size()) < num_buttons + checkbox) {
    const std::string label(dice.pick(synth::labels()));
    if (std::ranges::find(labels, label) == labels.end()) labels.push_back(label);
  }
  double top = 0;
  if (draft.tier >= 2 || dice.chance(0.5)) {
    top = theme.font_size + dice.real(4, 8);
    add_title_bar(draft, theme, top, labels);
  }
  if (checkbox) {
    const double y = top + theme.font_size + dice.real(0, 4);
    add_checkbox(draft, theme, labels.back(), dice.real(5, 14), y);
    labels.pop_back();
    if (scene.widgets.back().box.x2 > scene.width - 2) return false;
    top = y + theme.font_size * 0.7;
  }
  if (!add_buttons(draft, theme, labels, top)) return false;

  std::vector<const Widget*> choices;
  for (const Widget& widget : scene.widgets) {
    // The close control is asked for less often than there are windows with one.
    if (widget.kind != WidgetKind::kClose || dice.chance(0.35)) choices.push_back(&widget);
  }
  const Widget& target = *dice.pick(choices);
  const Form form = target.kind == WidgetKind::kButton     ? Form::kClickButton
                    : target.kind == WidgetKind::kCheckbox ? Form::kClickCheckbox
                                                           : Form::kClickClose;
  sample.question = draft.ask(form, {{"label", target.label}});
  for (size_t i = 0; i < scene.widgets.size(); ++i) {
    sample.thought += (i > 0 ? " " : "") + scene.widgets[i].label + place(i);
  }
  sample.thought += "; " + located(target.label, static_cast<size_t>(&target - &scene.widgets[0]),
                                   target.box, scene);
  sample.boxes = {to_grid(target.box, scene)};
  sample.answer = boxes_text(sample.boxes);
  return true;
}

}  // namespace

bool draft_click(Draft& draft) {
  draft.sample.verifier = VerifierKind::kInside;
  return draft.plan.chance(0.5) ? draft_click_object(draft) : draft_window(draft);
}

}  // namespace glmv::synth
