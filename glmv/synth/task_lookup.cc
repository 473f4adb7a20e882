// Several look-ups in one answer. Finding what stands beside a given word decides most questions of
// the other tasks, which exercise it once a sample; here it is most of the reply.

#include <algorithm>
#include <array>
#include <string>

#include "glmv/synth/draft.h"
#include "glmv/synth/layout.h"

namespace glmv::synth {
namespace {

// "the star, the ring and the cross"
std::string enumeration(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += "the " + names[i];
  }
  return text;
}

bool same_shape(const Wanted& a, const Wanted& b) { return a.shape == b.shape; }
bool same_color(const Wanted& a, const Wanted& b) { return a.color == b.color; }

bool draft_attributes(Draft& draft, bool ask_color) {
  QaSample& sample = draft.sample;
  const int total = draft.tier == 1 ? draft.dice.between(2, 3) : draft.plan.between(3, 6);
  std::vector<Wanted> wanted =
      wanted_apart(draft.dice, draft.split, total, ask_color ? same_shape : same_color);
  if (!build_shapes(draft.dice, draft.tier, wanted, sample.scene)) return false;
  draft.dice.shuffle(wanted);
  sample.thought = listing(sample.scene.shapes, ask_color) + "; ";
  std::vector<std::string> names;
  for (const Wanted& one : wanted) {
    const std::string color(color_name(one.color));
    const std::string shape(shape_name(one.shape));
    const std::string separator = names.empty() ? "" : ", ";
    sample.thought += separator + (ask_color ? shape + " " + color : color + " " + shape);
    sample.answer += separator + (ask_color ? color : shape);
    names.push_back(ask_color ? shape : color);
  }
  sample.question = ask_color
                        ? draft.ask(Form::kColorsOf, {{"shapes", enumeration(names)}})
                        : draft.ask(Form::kShapesOf, {{"things", enumeration(names) + " object"}});
  return true;
}

}  // namespace

bool draft_lookup(Draft& draft) {
  draft.sample.verifier = VerifierKind::kExact;
  draft.sample.needs_thought = true;
  switch (draft.plan.weighted({0.35, 0.35, 0.3})) {
    case 0:
      return draft_attributes(draft, true);
    case 1:
      return draft_attributes(draft, false);
    default:
      return draft_sorted(draft);
  }
}

}  // namespace glmv::synth
