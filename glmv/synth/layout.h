#pragma once
// Internal: where things stand and on what ground.

#include <optional>
#include <vector>

#include "glmv/synth/dice.h"
#include "glmv/synth/world.h"

namespace glmv::synth {

// A variant of the named colour as people, palettes and style sheets have it.
Rgb color_variant(Dice& dice, Color color);

// Canvas sides are multiples of 28, so that no picture is resized on its way into the model.
void choose_canvas(Dice& dice, int tier, Scene& scene);

// A background on which every one of `inks` is visible; false when none was found.
bool choose_background(Dice& dice, int tier, const std::vector<Rgb>& inks, Scene& scene);

// Grey, black, white or coloured ink that is well readable on the scene's background.
Rgb choose_ink(Dice& dice, const Scene& scene);

// Smallest distance of `ink` to both ends of the background.
double contrast(const Background& background, Rgb ink);

// What to place.
struct Wanted {
  Color color = Color::kRed;
  Shape shape = Shape::kCircle;
  std::optional<Size> size;
};

// Random pair that the split may show. In testing one in five is a held-out pair.
Wanted random_wanted(Dice& dice, Split split);
bool allowed(Split split, const Wanted& wanted);
bool same_pair(const Wanted& a, const Wanted& b);
// `count` random ones of which no two are the `same`.
std::vector<Wanted> wanted_apart(Dice& dice, Split split, int count,
                                 bool (*same)(const Wanted&, const Wanted&));

// Number of objects usual for a tier.
int object_count(Dice& dice, int tier);

// Canvas, background and the wanted shapes without overlap, sorted into reading order; false when
// there was no room.
bool build_shapes(Dice& dice, int tier, const std::vector<Wanted>& wanted, Scene& scene);

// One or two shapes beside the texts of the scene, where there is room.
void add_side_shapes(Dice& dice, Split split, Scene& scene);

}  // namespace glmv::synth
