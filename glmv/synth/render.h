#pragma once
// Draws a Scene (Cairo, anti-aliased) and measures what it will cover.

#include <cstddef>
#include <string>
#include <vector>

#include "glmv/media/image.h"
#include "glmv/synth/world.h"

namespace glmv::synth {

// Tight box of the drawn shape or ink, before clipping at the canvas. Texts need their font
// installed (fonts.h).
Box measure(const ShapeItem& item);
Box measure(const TextItem& item);

// Ink of every character of the text (one byte each), left to right.
std::vector<Box> measure_characters(const TextItem& item);

struct RenderOptions {
  bool degrade = true;  // pixel noise and JPEG loss of the scene's background
};

// The picture. Deterministic: `noise_seed` feeds the pixel noise.
media::Image render(const Scene& scene, uint64_t noise_seed, const RenderOptions& options = {});

// Lossless PNG bytes.
std::string encode_png(const media::Image& image);

}  // namespace glmv::synth
