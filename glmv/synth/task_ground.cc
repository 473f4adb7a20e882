// Boxes of objects; the two training-only descriptions.

#include <algorithm>
#include <string>

#include "glmv/synth/draft.h"
#include "glmv/synth/layout.h"

namespace glmv::synth {
namespace {

constexpr double kAbsentShare = 0.12;

enum class NameBy { kBoth, kColor, kShape };

bool matches(const ShapeItem& item, const Wanted& target, NameBy by) {
  return (by == NameBy::kShape || item.color == target.color) &&
         (by == NameBy::kColor || item.shape == target.shape);
}

std::string referent(const Wanted& target, NameBy by, bool plural) {
  std::string noun(by == NameBy::kColor ? "object" : shape_name(target.shape));
  if (plural) noun += target.shape == Shape::kCross && by != NameBy::kColor ? "es" : "s";
  return by == NameBy::kShape ? noun : std::string(color_name(target.color)) + " " + noun;
}

std::vector<Wanted> free_objects(Draft& draft, int count) {
  std::vector<Wanted> wanted;
  for (int i = 0; i < count; ++i) wanted.push_back(random_wanted(draft.dice, draft.split));
  return wanted;
}

}  // namespace

bool draft_ground(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  Scene& scene = sample.scene;
  sample.verifier = VerifierKind::kIou;
  sample.needs_thought = true;
  const auto by = static_cast<NameBy>(draft.plan.weighted({0.6, 0.15, 0.25}));
  const bool all = draft.tier >= 2 && draft.plan.chance(0.2);
  const bool absent = draft.plan.chance(kAbsentShare);
  const size_t hits = absent ? 0 : all ? draft.plan.between(1, 3) : 1;
  const Wanted target = random_wanted(dice, draft.split);
  const int others = std::max(absent ? 1 : 0, object_count(draft.plan, draft.tier) - int(hits));
  std::vector<Wanted> wanted = free_objects(draft, others);
  for (size_t i = 0; i < hits; ++i) {
    Wanted one = random_wanted(dice, draft.split);
    if (by != NameBy::kShape) one.color = target.color;
    if (by != NameBy::kColor) one.shape = target.shape;
    if (!allowed(draft.split, one)) return false;
    wanted.push_back(one);
  }
  dice.shuffle(wanted);
  if (!build_shapes(dice, draft.tier, wanted, scene)) return false;
  sample.thought = listing(scene.shapes);
  std::string found;
  for (size_t i = 0; i < scene.shapes.size(); ++i) {
    const ShapeItem& item = scene.shapes[i];
    if (!matches(item, target, by)) continue;
    sample.boxes.push_back(to_grid(item.box, scene));
    const std::string name =
        by == NameBy::kShape ? std::string(shape_name(item.shape)) : item_name(item);
    found += (found.empty() ? "" : " ") + located(name, i, item.box, scene);
  }
  if (sample.boxes.size() != hits) return false;
  sample.question = all ? draft.ask(Form::kGroundAll, {{"things", referent(target, by, true)}})
                        : draft.ask(Form::kGround, {{"a", "the " + referent(target, by, false)}});
  if (absent) {
    sample.verifier = VerifierKind::kExact;
    sample.answer = "none";
    sample.thought += "; none";
  } else {
    sample.answer = boxes_text(sample.boxes);
    sample.thought += "; " + found;
  }
  return true;
}

bool draft_click_object(Draft& draft) {
  Dice& dice = draft.dice;
  QaSample& sample = draft.sample;
  const auto wanted = free_objects(draft, object_count(draft.plan, draft.tier));
  if (!build_shapes(dice, draft.tier, wanted, sample.scene)) return false;
  const auto index =
      static_cast<size_t>(dice.between(0, static_cast<int>(sample.scene.shapes.size()) - 1));
  const ShapeItem& target = sample.scene.shapes[index];
  const auto twins = std::ranges::count_if(sample.scene.shapes, [&](const ShapeItem& item) {
    return item.color == target.color && item.shape == target.shape;
  });
  if (twins != 1) return false;
  sample.question = draft.ask(Form::kClickObject, {{"a", "the " + item_name(target)}});
  sample.thought = listing(sample.scene.shapes) + "; " +
                   located(item_name(target), index, target.box, sample.scene);
  sample.boxes = {to_grid(target.box, sample.scene)};
  sample.answer = boxes_text(sample.boxes);
  return true;
}

bool draft_list(Draft& draft) {
  QaSample& sample = draft.sample;
  sample.verifier = VerifierKind::kExact;
  const auto wanted = free_objects(draft, object_count(draft.plan, draft.tier));
  if (!build_shapes(draft.dice, draft.tier, wanted, sample.scene)) return false;
  sample.question = draft.ask(Form::kList);
  for (const ShapeItem& item : sample.scene.shapes) {
    sample.answer += (sample.answer.empty() ? "" : ", ") + item_name(item);
  }
  sample.thought = "row by row";
  return true;
}

bool draft_detect(Draft& draft) {
  QaSample& sample = draft.sample;
  sample.verifier = VerifierKind::kExact;
  const auto wanted = free_objects(draft, std::min(4, object_count(draft.plan, draft.tier)));
  if (!build_shapes(draft.dice, draft.tier, wanted, sample.scene)) return false;
  sample.question = draft.ask(Form::kDetect);
  for (const ShapeItem& item : sample.scene.shapes) {
    const GridBox box = to_grid(item.box, sample.scene);
    if (!sample.answer.empty()) sample.answer += ", ";
    sample.answer += item_name(item) + " " + boxes_text({box});
    sample.boxes.push_back(box);
  }
  sample.thought = "row by row";
  return true;
}

}  // namespace glmv::synth
