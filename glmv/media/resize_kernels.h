#pragma once
// Inner loops of resize.cc.

#include <cstdint>

#include "glmv/media/resize.h"

namespace glmv::media {

// One row: out[x] = clamp(sum of taps) for `width` RGB pixels. Reads up to 4 bytes behind the last
// input pixel.
void resize_row_rgb(const uint8_t* in, const AxisWeights& axis, int width, uint8_t* out);

// out[i] = clamp(sum over k of rows[k][i] * weights[k]) for num_bytes bytes. num_taps is even.
void blend_rows(const uint8_t* const* rows, const int16_t* weights, int num_taps, int precision,
                int num_bytes, uint8_t* out);

}  // namespace glmv::media
