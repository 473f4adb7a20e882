// Colour, shape and size of single objects; counting.

#include <algorithm>
#include <string>

#include "glmv/synth/draft.h"
#include "glmv/synth/layout.h"

namespace glmv::synth {
namespace {

constexpr double kAbsentShare = 0.12;

// Distinct pairs in which `is_target` holds for exactly one, or for none.
template <class Predicate>
std::vector<Wanted> companions(Draft& draft, size_t count, Predicate is_target) {
  std::vector<Wanted> others;
  for (int attempt = 0; attempt < 200 && others.size() < count; ++attempt) {
    const Wanted wanted = random_wanted(draft.dice, draft.split);
    const bool taken =
        std::ranges::any_of(others, [&](const Wanted& other) { return same_pair(wanted, other); });
    if (!taken && !is_target(wanted)) others.push_back(wanted);
  }
  return others;
}

bool draft_color_or_shape(Draft& draft, bool ask_color) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  sample.needs_thought = ask_color;  // learned to 45 % only where nothing is listed first
  const bool absent = draft.plan.chance(kAbsentShare);
  const Wanted target = random_wanted(dice, draft.split);
  const int total = object_count(draft.plan, draft.tier);
  std::vector<Wanted> wanted = companions(draft, absent ? total : total - 1, [&](const Wanted& w) {
    return ask_color ? w.shape == target.shape : w.color == target.color;
  });
  if (!absent) wanted.push_back(target);
  dice.shuffle(wanted);
  if (!build_shapes(dice, draft.tier, wanted, sample.scene)) return false;
  const std::string color(color_name(target.color));
  const std::string shape(shape_name(target.shape));
  sample.question = ask_color ? draft.ask(Form::kColorOf, {{"shape", shape}})
                              : draft.ask(Form::kShapeOf, {{"color", color}});
  sample.answer = absent ? "none" : ask_color ? color : shape;
  sample.thought = listing(sample.scene.shapes, ask_color) + "; " + (ask_color ? shape : color) +
                   " " + sample.answer;
  return true;
}

std::string joined(std::string_view first, std::string_view second) {
  return std::string(first) + " " + std::string(second);
}

// "small red star a large blue ring b", or with the size behind the object.
std::string sized_listing(const std::vector<ShapeItem>& shapes, bool size_first) {
  std::string text;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string_view size = size_name(shapes[i].size());
    const std::string name = item_name(shapes[i]);
    text += (i > 0 ? " " : "") + (size_first ? joined(size, name) : joined(name, size)) + place(i);
  }
  return text;
}

bool draft_size(Draft& draft, bool compare) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  Wanted target = random_wanted(dice, draft.split);
  const bool largest = draft.plan.chance(0.5);
  target.size = compare ? (largest ? Size::kLarge : Size::kSmall)
                        : static_cast<Size>(draft.plan.between(0, 2));
  const int total =
      compare ? dice.between(2, draft.tier == 1 ? 2 : 4) : dice.between(1, draft.tier == 1 ? 2 : 3);
  std::vector<Wanted> wanted =
      companions(draft, total - 1, [&](const Wanted& w) { return same_pair(w, target); });
  for (Wanted& other : wanted) {
    do {
      other.size = static_cast<Size>(dice.between(0, 2));
    } while (compare && other.size == target.size);
  }
  wanted.push_back(target);
  dice.shuffle(wanted);
  if (!build_shapes(dice, draft.tier, wanted, sample.scene)) return false;
  const std::string name = pair_name(target.color, target.shape);
  if (compare) {
    const std::string_view words[2][2] = {{"smallest", "tiniest"}, {"largest", "biggest"}};
    sample.question =
        draft.ask(Form::kBiggest, {{"most", std::string(words[largest][dice.between(0, 1)])}});
    sample.answer = name;
  } else {
    sample.question = draft.ask(Form::kSizeOf, {{"obj", name}});
    sample.answer = size_name(*target.size);
  }
  const std::string_view size = size_name(*target.size);
  sample.thought = sized_listing(sample.scene.shapes, compare) + "; " +
                   (compare ? joined(size, name) : joined(name, size));
  return true;
}

}  // namespace

bool draft_attribute(Draft& draft) {
  draft.sample.verifier = VerifierKind::kExact;
  switch (draft.plan.weighted({0.36, 0.36, 0.14, 0.14})) {
    case 0:
      return draft_color_or_shape(draft, true);
    case 1:
      return draft_color_or_shape(draft, false);
    case 2:
      return draft_size(draft, false);
    default:
      return draft_size(draft, true);
  }
}

bool draft_count(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  sample.verifier = VerifierKind::kInteger;
  sample.needs_thought = true;
  const int kind = draft.plan.weighted({0.2, 0.27, 0.27, 0.26});  // all, colour, shape, both
  const int most = draft.tier == 1 ? 3 : draft.tier == 2 ? 5 : 6;
  // Tier 3 makes up for the large counts that the others never show.
  const int count = draft.tier < 3 ? draft.plan.between(0, most)
                                   : draft.plan.weighted({1, 1, 1, 1, 1.3, 1.6, 2.1});
  const int others = kind == 0 ? 0 : dice.between(count == 0 ? 1 : 0, most - count + (count == 0));
  const Wanted target = random_wanted(dice, draft.split);
  const auto matches = [&](const Wanted& w) {
    return kind == 0 ||
           ((kind == 2 || w.color == target.color) && (kind == 1 || w.shape == target.shape));
  };
  std::vector<Wanted> wanted;
  for (int attempt = 0; attempt < 200 && static_cast<int>(wanted.size()) < count; ++attempt) {
    Wanted one = random_wanted(dice, draft.split);
    if (kind == 1 || kind == 3) one.color = target.color;
    if (kind == 2 || kind == 3) one.shape = target.shape;
    if (allowed(draft.split, one)) wanted.push_back(one);
  }
  for (int placed = 0, attempt = 0; attempt < 200 && placed < others; ++attempt) {
    Wanted one = random_wanted(dice, draft.split);
    // Half of the others share one property with what is counted.
    if (kind == 3 && dice.chance(0.3)) one.color = target.color;
    if (kind == 3 && dice.chance(0.3)) one.shape = target.shape;
    if (matches(one) || !allowed(draft.split, one)) continue;
    wanted.push_back(one);
    ++placed;
  }
  if (static_cast<int>(wanted.size()) < count + others && kind != 0) return false;
  dice.shuffle(wanted);
  if (!build_shapes(dice, draft.tier, wanted, sample.scene)) return false;

  const std::string color(color_name(target.color));
  const std::string shapes =
      target.shape == Shape::kCross ? "crosses" : std::string(shape_name(target.shape)) + "s";
  constexpr Form kForms[] = {Form::kCountAll, Form::kCountColor, Form::kCountShape,
                             Form::kCountPair};
  sample.question = draft.ask(kForms[kind], {{"color", color}, {"shapes", shapes}});
  int running = 0;
  for (size_t i = 0; i < sample.scene.shapes.size(); ++i) {
    const ShapeItem& item = sample.scene.shapes[i];
    sample.thought += (i > 0 ? " " : "") + item_name(item) + place(i);
    if (matches({item.color, item.shape, {}})) sample.thought += " " + std::to_string(++running);
  }
  if (sample.scene.shapes.empty()) sample.thought = "nothing";
  sample.answer = std::to_string(running);
  return true;
}

}  // namespace glmv::synth
