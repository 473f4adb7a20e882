// The stages of the curriculum.

#include <array>

#include "glmv/synth/dice.h"
#include "glmv/synth/tasks.h"

namespace glmv::synth {
namespace {

// Weights in the order of Task: attribute, count, position, read, word, sum, ground, click, chart,
// list, detect.
const std::array kMixtures = {
    // Opens its eyes: one or two large objects, or a number, named without detours. Each word of the
    // answer is in the picture, so the first gradient that helps is one through the vision tower.
    Mixture{"glimpse", {0, 0, 0, 20, 0, 0, 0, 0, 0, 60, 20}, {1, 0, 0}, 1.0},
    // Learns to see: dense descriptions, in the order in which the visual tokens come.
    Mixture{"perceive", {10, 4, 0, 16, 8, 0, 12, 0, 0, 32, 18}, {0.55, 0.3, 0.15}, 0.3},
    // Learns the procedures, still on easier pictures.
    Mixture{"tasks", {13, 13, 13, 10, 8, 12, 12, 7, 5, 4, 3}, {0.35, 0.4, 0.25}, 0.25},
    // The whole world, as in testing.
    Mixture{"full", {12, 13, 13, 10, 9, 12, 14, 9, 6, 1, 1}, {0.15, 0.35, 0.5}, 0.25},
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
