#pragma once
// What cameras, screenshots and the web do to a clean drawing.

#include <cstddef>
#include <cstdint>

#include "glmv/media/image.h"

namespace glmv::synth {

// Adds triangular noise in [-amplitude, amplitude] to every channel of every pixel.
void add_noise(media::Image& image, double amplitude, uint64_t seed);

// Compresses to JPEG (4:2:0) at `quality` (1-100) and back.
void jpeg_loss(media::Image& image, int quality);

}  // namespace glmv::synth
