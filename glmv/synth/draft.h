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

// "a ", "b ": which place a thing has in a thought's list. Naming the place first lets the decoder
// look up the thing that has it, where "the next one" would have to be counted.
std::string place(size_t index);
// "a red star, b blue ring"
std::string listing(const std::vector<ShapeItem>& shapes);
// 0-99, always two digits: a coarse position for thoughts.
std::string coarse(double value, int extent);
// "red star at 45 62"
std::string located(std::string_view name, const Box& box, const Scene& scene);

}  // namespace glmv::synth
