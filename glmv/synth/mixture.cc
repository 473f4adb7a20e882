// The stages of the curriculum.

#include <array>

#include "glmv/synth/dice.h"
#include "glmv/synth/tasks.h"

namespace glmv::synth {
namespace {

// Weights in the order of Task: attribute, count, position, read, word, sum, ground, click, chart,
// list, detect, lookup.
const std::array kMixtures = {
    // Pictures of everything, for the vision tower alone (train --objective visual-words).
    Mixture{"look", {0, 0, 0, 25, 6, 10, 0, 14, 3, 42, 0, 0}, {0.4, 0.35, 0.25}, 1.0},
    // Learns to say what is seen: dense descriptions, in the order of the visual tokens.
    Mixture{"perceive", {10, 6, 6, 20, 4, 6, 12, 6, 2, 20, 8, 0}, {0.4, 0.35, 0.25}, 0.3},
    // The whole world, as in testing.
    Mixture{"full", {12, 10, 9, 15, 4, 13, 16, 11, 3, 0, 3, 8}, {0.2, 0.4, 0.4}, 0.25},
};

}  // namespace

std::span<const Mixture> mixtures() { return kMixtures; }

Result<const Mixture*> mixture_by_name(std::string_view name) {
  std::string known;
  for (const Mixture& mixture : kMixtures) {
    if (mixture.name == name) return &mixture;
    known += known.empty() ? "" : ", ";
    known += mixture.name;
  }
  return invalid_argument("unknown mixture \"{}\"; known are {}", name, known);
}

QaSample make_training_sample(uint64_t index, const Mixture& mixture) {
  Dice dice(mix_seed(0x5EED, index));
  const auto task = static_cast<Task>(dice.weighted(mixture.task_weights));
  SampleOptions options;
  options.tier = 1 + dice.weighted(mixture.tier_weights);
  options.nothink_share = mixture.nothink_share;
  return make_sample(Split::kTrain, task, index, options);
}

}  // namespace glmv::synth
