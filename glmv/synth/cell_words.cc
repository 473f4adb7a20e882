#include "glmv/synth/cell_words.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "glmv/synth/render.h"

namespace glmv::synth {
namespace {

constexpr int kEdgeSteps = 13;

// Words of one token that mean nothing else in a cell: first, second, ... in reading order.
constexpr std::array<std::string_view, 6> kPlaces = {" one",  " two",  " this",
                                                     " that", " here", " there"};

struct Thing {
  Box box;
  std::vector<std::string> words;
  bool is_character = false;
};

std::string spaced(std::string_view word) { return " " + std::string(word); }

void add_place(size_t place, Thing& thing) {
  if (place < kPlaces.size()) thing.words.emplace_back(kPlaces[place]);
}

std::vector<Thing> things_of(const Scene& scene) {
  std::vector<Thing> things;
  for (const ShapeItem& item : scene.shapes) {
    things.push_back({item.box, {spaced(color_name(item.color)), spaced(shape_name(item.shape))}});
    add_place(things.size() - 1, things.back());
  }
  for (const Bar& bar : scene.bars) {
    things.push_back({bar.box, {" bar", spaced(color_name(bar.color))}});
    add_place(things.size() - 1, things.back());
  }
  for (const Widget& widget : scene.widgets) {
    constexpr std::string_view kKinds[] = {" button", " checkbox", " close", " line"};
    things.push_back({widget.box, {std::string(kKinds[static_cast<int>(widget.kind)])}});
    add_place(things.size() - 1, things.back());
  }
  const bool labels = !scene.widgets.empty() || !scene.bars.empty();  // texts without an order
  size_t place = 0;
  for (const TextItem& text : scene.texts) {
    const std::vector<Box> boxes = measure_characters(text);
    for (size_t i = 0; i < boxes.size(); ++i) {
      if (text.text[i] == ' ') continue;
      things.push_back({boxes[i], {text.text.substr(i, 1)}, true});
      if (!labels) add_place(place++, things.back());
    }
  }
  return things;
}

enum class View { kNothing, kRim, kMuch };

View view_of(const Box& cell, const Box& box) {
  const double width = std::min(cell.x2, box.x2) - std::max(cell.x1, box.x1);
  const double height = std::min(cell.y2, box.y2) - std::max(cell.y1, box.y1);
  if (width <= 0 || height <= 0) return View::kNothing;
  const double x = box.center_x();
  const double y = box.center_y();
  // Whatever straddles cells is named at least where its middle is.
  if (x >= cell.x1 && x < cell.x2 && y >= cell.y1 && y < cell.y2) return View::kMuch;
  const double shared = width * height;
  const bool much =
      shared > 0.4 * kCellSide * kCellSide || shared > 0.45 * box.width() * box.height();
  return much ? View::kMuch : View::kRim;
}

std::string edge_word(char first, double edge, int extent) {
  const int step = std::clamp(static_cast<int>(edge * kEdgeSteps / extent), 0, kEdgeSteps - 1);
  return {' ', static_cast<char>(first + step)};
}

std::vector<std::string> words_of(const Box& cell, const std::vector<Thing>& things,
                                  const Scene& scene) {
  std::vector<std::string> words;
  bool empty = true;
  const auto add = [&](const std::string& word) {
    if (std::ranges::find(words, word) == words.end()) words.push_back(word);
  };
  for (const Thing& thing : things) {
    const View view = view_of(cell, thing.box);
    empty = empty && view == View::kNothing;
    if (view != View::kMuch) continue;
    for (const std::string& word : thing.words) add(word);
    add(edge_word('a', thing.box.x1, scene.width));
    add(edge_word('A', thing.box.y1, scene.height));
    if (thing.is_character) continue;
    add(edge_word('n', thing.box.x2, scene.width));
    add(edge_word('N', thing.box.y2, scene.height));
  }
  if (empty) words.push_back(" none");
  return words;
}

}  // namespace

std::vector<std::vector<std::string>> cell_words(const Scene& scene) {
  const std::vector<Thing> things = things_of(scene);
  std::vector<std::vector<std::string>> cells;
  for (int y = 0; y < scene.height; y += kCellSide) {
    for (int x = 0; x < scene.width; x += kCellSide) {
      const Box cell = {double(x), double(y), double(x + kCellSide), double(y + kCellSide)};
      cells.push_back(words_of(cell, things, scene));
    }
  }
  return cells;
}

}  // namespace glmv::synth
