#pragma once
// Shapes drawn on pictures, and masks of them.

#include <span>
#include <string>

#include "glmv/base/result.h"
#include "glmv/media/canvas.h"
#include "glmv/media/image.h"
#include "glmv/media/label_chip.h"
#include "glmv/media/shapes.h"

namespace glmv::media {

// Corners in pixels, in any order; parts outside the picture are cut off.
struct LabeledBox {
  double x1 = 0.0;
  double y1 = 0.0;
  double x2 = 0.0;
  double y2 = 0.0;
  std::string label;  // UTF-8, may be empty
};

// A copy of `image` with outlines, a light fill and label chips. Shapes wholly outside are skipped.
// invalid_argument for coordinates that are not finite; unsupported for sides above 32,767.
Result<Image> draw_shapes(const Image& image, std::span<const Shape> shapes);
Result<Image> draw_boxes(const Image& image, std::span<const LabeledBox> boxes);

// 8-bit grey, rows top to bottom.
struct GreyImage {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> data;
};

// 255 where a pixel's centre lies in a box or polygon, or in the disc of a point; wires fill
// nothing. Errors as draw_shapes.
Result<GreyImage> mask_of_shapes(int width, int height, std::span<const Shape> shapes);

// A copy of `image` that is dark where the mask, of the same size, is 0.
Image darken_outside(const Image& image, const GreyImage& mask);

}  // namespace glmv::media
