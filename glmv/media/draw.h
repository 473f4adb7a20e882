#pragma once
// Boxes drawn on pictures.

#include <span>
#include <string>

#include "glmv/base/result.h"
#include "glmv/media/canvas.h"
#include "glmv/media/image.h"

namespace glmv::media {

// Corners in pixels, in any order; parts outside the picture are cut off.
struct LabeledBox {
  double x1 = 0.0;
  double y1 = 0.0;
  double x2 = 0.0;
  double y2 = 0.0;
  std::string label;  // UTF-8, may be empty
};

// The colour of a label: the same in every picture; hues by golden-angle steps.
Color label_color(const std::string& label);

// Width of the lines in pixels: max(2, floor(0.004 * longer side)).
int box_line_width(int width, int height);

// A copy of `image` with outlines, a light fill and label chips. Boxes wholly outside are skipped.
// invalid_argument for coordinates that are not finite; unsupported for sides above 32,767.
Result<Image> draw_boxes(const Image& image, std::span<const LabeledBox> boxes);

}  // namespace glmv::media
