#pragma once
// Where the label of a shape stands: the same on a canvas and in an SVG file.

#include <string>

#include "glmv/media/canvas.h"
#include "glmv/media/shapes.h"

namespace glmv::media {

// The colour of a label: the same in every picture; hues by golden-angle steps.
Color label_color(const std::string& label);

// Width of lines in pixels: max(2, floor(0.004 * longer side)).
int box_line_width(int width, int height);

// Radius of points in pixels: grows with the longer side.
double point_radius(int width, int height);

struct LabelChip {
  Rect box;
  double text_x = 0, baseline = 0, text_width = 0, font_px = 0;
  std::string text;
  Color fill, ink;
};

// Valid UTF-8 of limited length without control characters, which Cairo cannot draw.
std::string drawable_label(const std::string& label);

// A filled chip above `rect`; inside it when there is no room above, moved to stay on the canvas,
// whose font it sets. Text wider than the canvas is cut by its edge.
LabelChip lay_out_chip(Canvas& canvas, const Rect& rect, const std::string& label);

}  // namespace glmv::media
