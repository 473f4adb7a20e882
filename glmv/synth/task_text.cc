// Written numbers, words and sums.

#include <algorithm>
#include <cctype>
#include <string>

#include "glmv/synth/draft.h"
#include "glmv/synth/fonts.h"
#include "glmv/synth/layout.h"
#include "glmv/synth/render.h"
#include "glmv/synth/words.h"

namespace glmv::synth {
namespace {

int random_font(Dice& dice, Split split) {
  const bool held_out = split == Split::kTest && dice.chance(0.5);
  for (;;) {
    const int font = dice.between(0, static_cast<int>(fonts().size()) - 1);
    if (fonts()[font].test_only == held_out) return font;
  }
}

// Puts the item's ink box at (x, y).
void move_text(TextItem& item, double x, double y) {
  item.x += x - item.box.x1;
  item.y += y - item.box.y1;
  item.box = {x, y, x + item.box.width(), y + item.box.height()};
}

// A text whose ink fits `area`, its height at least `least` pixels; false when it cannot fit.
bool fit_text(Draft& draft, const std::string& text, int font, const Box& area, double least,
              double most, Rgb ink, Scene& scene) {
  Dice& dice = draft.dice;
  TextItem item;
  item.text = text;
  item.font = font;
  item.rgb = ink;
  item.font_size = dice.real(least, most);
  item.box = measure(item);
  const double shrink =
      std::min(area.width() / item.box.width(), area.height() / item.box.height());
  if (shrink < 1) {
    item.font_size *= shrink * 0.98;
    if (item.font_size < least) return false;
    item.box = measure(item);
  }
  const double room_x = std::max(0.0, area.width() - item.box.width());
  const double room_y = std::max(0.0, area.height() - item.box.height());
  move_text(item, area.x1 + dice.real(0, room_x), area.y1 + dice.real(0, room_y));
  scene.texts.push_back(item);
  return true;
}

struct CanvasSize {
  int width, height;
};

void text_canvas(Draft& draft, std::initializer_list<CanvasSize> options) {
  const auto& choice = std::data(options)[draft.dice.between(0, int(options.size()) - 1)];
  draft.sample.scene.width = choice.width;
  draft.sample.scene.height = choice.height;
}

// Paper, and the ink for it.
Rgb text_ground(Draft& draft) {
  Scene& scene = draft.sample.scene;
  choose_background(draft.dice, draft.tier, {}, scene);
  const Rgb ink = choose_ink(draft.dice, scene);
  return ink;
}

Box inner(const Scene& scene, double margin) {
  return {margin, margin, scene.width - margin, scene.height - margin};
}

// "a4b0c7", "1C2A3T", "a2b7+c5": every character behind its place.
std::string spelled(std::string_view text) {
  std::string out;
  char at = std::isdigit(static_cast<unsigned char>(text[0])) ? 'a' : '1';
  for (char c : text) {
    if (c != ' ' && c != '+') out += at++;
    out += c;
  }
  return out;
}

double least_font(int tier) { return tier == 1 ? 30 : tier == 2 ? 28 : 26; }

// Capitals: in a small picture they tell more than lower case does.
std::string capitals(std::string word) {
  std::ranges::transform(word, word.begin(),
                         [](char c) { return static_cast<char>(std::toupper(c)); });
  return word;
}

std::string any_word(Draft& draft) {
  if (draft.split == Split::kTrain && draft.dice.chance(0.3)) return invented_word(draft.dice);
  return std::string(random_word(draft.dice, draft.split));
}

// "a2b7+c4d5; 7+5=12; 2+4+1=7"
std::string addition(int a, int b) {
  std::string text = spelled(std::to_string(a) + "+" + std::to_string(b)) + "; ";
  const int ones = a % 10 + b % 10;
  text += std::to_string(a % 10) + "+" + std::to_string(b % 10) + "=" + std::to_string(ones);
  if (a < 10 && b < 10) return text;
  const int carry = ones / 10;
  const int tens = a / 10 + b / 10;
  text += "; " + std::to_string(a / 10) + "+" + std::to_string(b / 10);
  if (carry > 0) text += "+1";
  return text + "=" + std::to_string(tens + carry);
}

}  // namespace

bool draft_read(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  sample.verifier = VerifierKind::kExact;
  const int digits = draft.tier == 1 ? draft.plan.between(1, 3) : draft.plan.between(1, 4);
  std::string number(1, static_cast<char>('0' + dice.between(digits == 1 ? 0 : 1, 9)));
  while (static_cast<int>(number.size()) < digits) {
    number += static_cast<char>('0' + dice.between(0, 9));
  }
  text_canvas(draft, {{112, 112}, {112, 112}, {112, 56}, {140, 56}, {112, 84}, {140, 84}});
  const Rgb ink = text_ground(draft);
  if (!fit_text(draft, number, random_font(dice, draft.split), inner(sample.scene, 4),
                least_font(draft.tier), 60, ink, sample.scene)) {
    return false;
  }
  if (draft.tier >= 2 && dice.chance(0.1)) add_side_shapes(dice, draft.split, sample.scene);
  sample.question = draft.ask(Form::kReadNumber);
  sample.thought = spelled(number);
  sample.answer = number;
  return true;
}

bool draft_word(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  sample.verifier = VerifierKind::kExact;
  const bool line = draft.tier == 3 && draft.plan.chance(0.25);
  std::string text = any_word(draft);
  if (draft.tier == 1 && text.size() > 5) return false;
  if (line) {
    const std::string second = any_word(draft);
    if (text.size() + second.size() > 10) return false;
    text += " " + second;
  }
  text = capitals(text);
  if (line) {
    text_canvas(draft, {{168, 56}, {196, 56}, {168, 84}});
  } else {
    text_canvas(draft, {{112, 112}, {112, 56}, {140, 56}, {112, 84}, {140, 84}, {168, 56}});
  }
  const Rgb ink = text_ground(draft);
  if (!fit_text(draft, text, random_font(dice, draft.split), inner(sample.scene, 4),
                std::min(20.0, least_font(draft.tier)), 48, ink, sample.scene)) {
    return false;
  }
  if (draft.tier >= 2 && dice.chance(0.15)) add_side_shapes(dice, draft.split, sample.scene);
  sample.question = draft.ask(line ? Form::kReadLine : Form::kReadWord);
  sample.thought = spelled(text);
  sample.answer = text;
  return true;
}

bool draft_sum(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  Scene& scene = sample.scene;
  sample.verifier = VerifierKind::kInteger;
  sample.needs_thought = true;
  const auto number = [&] {
    return draft.plan.chance(draft.tier == 1 ? 0.6 : 0.3) ? draft.plan.between(1, 9)
                                                          : draft.plan.between(10, 99);
  };
  const int a = number();
  const int b = number();
  text_canvas(draft, {{112, 112}, {112, 112}, {140, 84}, {140, 56}, {112, 84}});
  const Rgb ink = text_ground(draft);
  const int font = random_font(dice, draft.split);
  const double least = 26;
  const bool plus = dice.chance(0.5);
  const bool side_by_side = scene.height < 84 || dice.chance(0.5);
  if (plus && side_by_side) {
    // One line "23 + 45".
    const std::string gap = dice.chance(0.6) ? " " : "";
    const std::string text = std::to_string(a) + gap + "+" + gap + std::to_string(b);
    if (!fit_text(draft, text, font, inner(scene, 4), least, 44, ink, scene)) return false;
  } else {
    const double half_w = scene.width / 2.0;
    const double half_h = scene.height / 2.0;
    const Box all = inner(scene, 4);
    const Box first = side_by_side ? Box{all.x1, all.y1, half_w - 5, all.y2}
                                   : Box{all.x1, all.y1, all.x2, half_h - 3};
    const Box second = side_by_side ? Box{half_w + 5, all.y1, all.x2, all.y2}
                                    : Box{all.x1, half_h + 3, all.x2, all.y2};
    const std::string second_text = (plus ? "+" : "") + std::to_string(b);
    if (!fit_text(draft, std::to_string(a), font, first, least, 44, ink, scene)) return false;
    if (!fit_text(draft, second_text, font, second, least, 44, ink, scene)) return false;
  }
  sample.question = draft.ask(Form::kSum);
  sample.thought = addition(a, b);
  sample.answer = std::to_string(a + b);
  return true;
}

}  // namespace glmv::synth
