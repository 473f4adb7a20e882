#pragma once
// Conversions of decoded pixels.

#include "glmv/base/rgb_pixels.h"
#include "glmv/media/codecs.h"
#include "glmv/media/decode.h"
#include "glmv/media/image.h"

namespace glmv::media {

// To RGB: grey is copied to three channels, CMYK follows Pillow's convert("RGB"), alpha is put over
// white with Pillow's rounding, or dropped.
Image to_rgb(RawImage&& raw, AlphaMode alpha);

// Turns the stored picture upright; orientation is an EXIF value, 1-8.
Image apply_orientation(Image&& image, int orientation);

// A copy.
Image image_of(const RgbPixels& pixels);

}  // namespace glmv::media
