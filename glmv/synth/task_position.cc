// Leftmost and the like, relations of two objects, quarters of the picture.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "glmv/synth/draft.h"
#include "glmv/synth/layout.h"

namespace glmv::synth {
namespace {

std::string where(const ShapeItem& item, const Scene& scene, bool vertical) {
  return vertical ? coarse(item.box.center_y(), scene.height)
                  : coarse(item.box.center_x(), scene.width);
}

// "50 blue square a 21 green star b": how far each is from the left or the top, in hundredths.
std::string placed_listing(const Scene& scene, bool vertical) {
  std::string text;
  for (size_t i = 0; i < scene.shapes.size(); ++i) {
    const ShapeItem& item = scene.shapes[i];
    text += (i > 0 ? " " : "") + where(item, scene, vertical) + " " + item_name(item) + place(i);
  }
  return text;
}

// "red star b 45 62" of the one object that looks like `item`.
std::string found(const Scene& scene, const ShapeItem& item) {
  const auto at = std::ranges::find(scene.shapes, item_name(item), item_name);
  return located(item_name(item), static_cast<size_t>(at - scene.shapes.begin()), at->box, scene);
}

struct Side {
  std::string_view most, far, edge;
  bool vertical;
  bool high;  // the largest coordinate wins
};
constexpr std::array<Side, 4> kSides = {
    Side{"leftmost", "furthest to the left", "left", false, false},
    Side{"rightmost", "furthest to the right", "right", false, true},
    Side{"topmost", "at the top", "top", true, false},
    Side{"bottommost", "at the bottom", "bottom", true, true}};
constexpr std::array<std::array<std::string_view, 3>, 4> kOtherMosts = {
    {{"leftmost", "left-most", "furthest left"},
     {"rightmost", "right-most", "furthest right"},
     {"topmost", "highest", "uppermost"},
     {"bottommost", "lowest", "lowermost"}}};

bool draft_extreme(Draft& draft) {
  QaSample& sample = draft.sample;
  const int total = draft.tier == 1   ? 2
                    : draft.tier == 2 ? draft.dice.between(2, 3)
                                      : draft.plan.between(3, 5);
  const auto wanted = wanted_apart(draft.dice, draft.split, total, same_pair);
  if (!build_shapes(draft.dice, draft.tier, wanted, sample.scene)) return false;
  const int which = draft.plan.between(0, 3);
  const Side& side = kSides[which];
  const int extent = side.vertical ? sample.scene.height : sample.scene.width;
  std::vector<std::pair<double, const ShapeItem*>> ranked;
  for (const ShapeItem& item : sample.scene.shapes) {
    const double at = side.vertical ? item.box.center_y() : item.box.center_x();
    ranked.push_back({side.high ? -at : at, &item});
  }
  sample.thought = placed_listing(sample.scene, side.vertical);
  std::ranges::sort(ranked);
  if (ranked[1].first - ranked[0].first < 0.07 * extent) return false;
  // By the edges as well as by the centre, so that nobody can argue.
  const auto edge = [&](const ShapeItem& item) {
    const Box& b = item.box;
    return which == 0 ? b.x1 : which == 1 ? -b.x2 : which == 2 ? b.y1 : -b.y2;
  };
  for (const auto& [at, item] : ranked) {
    if (item != ranked[0].second && edge(*item) - edge(*ranked[0].second) < 0.03 * extent) {
      return false;
    }
  }
  sample.question =
      draft.ask(Form::kExtreme, {{"most", std::string(draft.dice.pick(kOtherMosts[which]))},
                                 {"far", std::string(side.far)},
                                 {"edge", std::string(side.edge)}});
  sample.thought += side.high ? "; largest " : "; smallest ";
  sample.thought += coarse(std::abs(ranked[0].first), extent) + " " + item_name(*ranked[0].second);
  sample.answer = item_name(*ranked[0].second);
  return true;
}

// The two objects of a relation, clearly apart along one axis (and only there, if `strict`).
bool draft_relation(Draft& draft, bool four_way) {
  QaSample& sample = draft.sample;
  const int total = draft.tier == 1   ? 2
                    : draft.tier == 2 ? draft.dice.between(2, 3)
                                      : draft.dice.between(2, 5);
  const auto wanted = wanted_apart(draft.dice, draft.split, total, same_pair);
  if (!build_shapes(draft.dice, draft.tier, wanted, sample.scene)) return false;
  const auto find = [&](const Wanted& w) {
    return *std::ranges::find_if(sample.scene.shapes, [&](const ShapeItem& item) {
      return item.color == w.color && item.shape == w.shape;
    });
  };
  const ShapeItem a = find(wanted[0]);
  const ShapeItem b = find(wanted[1]);
  const double dx = a.box.center_x() - b.box.center_x();
  const double dy = a.box.center_y() - b.box.center_y();
  const bool vertical = four_way ? std::abs(dy) > std::abs(dx) : draft.plan.chance(0.5);
  const double along = std::abs(vertical ? dy : dx);
  const double across = std::abs(vertical ? dx : dy);
  if (along < 14 || (four_way && along < 1.6 * across)) return false;
  const std::string name_a = "the " + item_name(a);
  const std::string name_b = "the " + item_name(b);
  if (four_way) {
    sample.question = draft.ask(Form::kRelation, {{"a", name_a}, {"b", name_b}});
  } else {
    const char* sides = vertical ? "above or below" : "left or right of";
    sample.question = draft.ask(Form::kSideOf, {{"a", name_a}, {"b", name_b}, {"sides", sides}});
  }
  sample.thought =
      listing(sample.scene.shapes) + "; " + found(sample.scene, a) + " " + found(sample.scene, b);
  sample.answer = vertical ? (dy < 0 ? "above" : "below") : (dx < 0 ? "left" : "right");
  return true;
}

std::string quarter_name(const Box& box, const Scene& scene) {
  std::string name = box.center_y() * 2 < scene.height ? "top " : "bottom ";
  return name + (box.center_x() * 2 < scene.width ? "left" : "right");
}

bool draft_quarter(Draft& draft, bool name_object) {
  QaSample& sample = draft.sample;
  const int total = draft.tier == 1 ? draft.dice.between(1, 2) : draft.dice.between(1, 4);
  const auto wanted = wanted_apart(draft.dice, draft.split, total, same_pair);
  if (!build_shapes(draft.dice, draft.tier, wanted, sample.scene)) return false;
  const ShapeItem& target = draft.dice.pick(sample.scene.shapes);
  const std::string quarter = quarter_name(target.box, sample.scene);
  for (const ShapeItem& item : sample.scene.shapes) {
    const bool asked = &item == &target;
    if (!asked && (!name_object || quarter_name(item.box, sample.scene) != quarter)) continue;
    if (!asked) return false;  // two objects in the quarter that is asked about
  }
  // Objects that matter keep clear of the middle lines.
  for (const ShapeItem& item : sample.scene.shapes) {
    if (!name_object && &item != &target) continue;
    if (std::abs(item.box.center_x() / sample.scene.width - 0.5) < 0.08) return false;
    if (std::abs(item.box.center_y() / sample.scene.height - 0.5) < 0.08) return false;
  }
  if (name_object) {
    sample.question = draft.ask(Form::kInQuadrant, {{"where", quarter}});
    for (size_t i = 0; i < sample.scene.shapes.size(); ++i) {
      const ShapeItem& item = sample.scene.shapes[i];
      sample.thought += (i > 0 ? " " : "") + quarter_name(item.box, sample.scene) + " " +
                        item_name(item) + place(i);
    }
    sample.thought += "; " + quarter + " " + item_name(target);
    sample.answer = item_name(target);
  } else {
    sample.question = draft.ask(Form::kQuadrantOf, {{"a", "the " + item_name(target)}});
    sample.thought = listing(sample.scene.shapes) + "; " + found(sample.scene, target);
    sample.answer = quarter;
  }
  return true;
}

}  // namespace

bool draft_sorted(Draft& draft) {
  QaSample& sample = draft.sample;
  const int total = draft.tier == 1 ? draft.dice.between(2, 3) : draft.plan.between(3, 5);
  if (!build_shapes(draft.dice, draft.tier, wanted_apart(draft.dice, draft.split, total, same_pair),
                    sample.scene)) {
    return false;
  }
  const Scene& scene = sample.scene;
  const bool vertical = draft.plan.chance(0.5);
  std::vector<std::pair<std::string, const ShapeItem*>> ranked;
  for (const ShapeItem& item : scene.shapes) {
    ranked.push_back({where(item, scene, vertical), &item});
  }
  std::ranges::sort(ranked);
  for (size_t i = 1; i < ranked.size(); ++i) {
    if (std::stoi(ranked[i].first) - std::stoi(ranked[i - 1].first) < 4) return false;
  }
  sample.thought = placed_listing(scene, vertical) + "; ";
  for (size_t i = 0; i < ranked.size(); ++i) {
    const std::string name = item_name(*ranked[i].second);
    sample.thought += (i > 0 ? " " : "") + ranked[i].first + " " + name;
    sample.answer += (i > 0 ? ", " : "") + name;
  }
  sample.question =
      draft.ask(Form::kSorted, {{"order", vertical ? "from top to bottom" : "from left to right"}});
  return true;
}

bool draft_position(Draft& draft) {
  draft.sample.verifier = VerifierKind::kExact;
  switch (draft.plan.weighted({0.4, 0.2, 0.1, 0.15, 0.15})) {
    case 0:
      return draft_extreme(draft);
    case 1:
      return draft_relation(draft, true);
    case 2:
      return draft_relation(draft, false);
    case 3:
      return draft_quarter(draft, false);
    default:
      return draft_quarter(draft, true);
  }
}

}  // namespace glmv::synth
