#pragma once
// Internal: a sample in the making, and the generators (one function per task).

#include <string>
#include <utility>
#include <vector>

#include "glmv/synth/dice.h"
#include "glmv/synth/tasks.h"
#include "glmv/synth/wordings.h"

namespace glmv::synth {

struct Draft {
  Dice dice;
  Split split = Split::kTrain;
  int tier = 1;
  QaSample sample;
  // The same rolls in every try of a sample: what is asked must not depend on how often such a
  // scene fails, or easy questions would crowd out the others.
  Dice plan;

  // A wording of `form` with its placeholders filled.
  std::string ask(Form form, const std::vector<std::pair<std::string, std::string>>& fills = {}) {
    return wording(dice, split, form, fills);
  }
};

// Each fills scene, question, thought, answer, verifier and boxes; false: the dice led to a scene
// that does not work (no room, ambiguous), try again with the next rolls.
bool draft_attribute(Draft& draft);
bool draft_count(Draft& draft);
bool draft_position(Draft& draft);
bool draft_read(Draft& draft);
bool draft_word(Draft& draft);
bool draft_sum(Draft& draft);
bool draft_ground(Draft& draft);
bool draft_click(Draft& draft);
bool draft_click_object(Draft& draft);
bool draft_chart(Draft& draft);
bool draft_list(Draft& draft);
bool draft_detect(Draft& draft);
bool draft_lookup(Draft& draft);
bool draft_sorted(Draft& draft);

// Parts shared by the generators.

// A thought lists what there is, each thing followed by its place " a", " b": the place of one
// leads to the next, which would have to be counted otherwise. What a question gives stands
// before what it asks for, here as in the conclusion behind the list, so that every look-up is
// the same: find the word that was just written, and say what follows it there.
std::string place(size_t index);
// "red star a blue ring b", or "star red a ring blue b".
std::string listing(const std::vector<ShapeItem>& shapes, bool shape_first = false);
// 0-99, always two digits: a coarse position for thoughts.
std::string coarse(double value, int extent);
// "red star b 45 62": a thing of the list and its centre.
std::string located(std::string_view name, size_t index, const Box& box, const Scene& scene);

}  // namespace glmv::synth
