#pragma once
// Frames side by side with their times.

#include <span>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/image.h"

namespace glmv::media {

struct SheetLayout {
  int columns = 0, rows = 0;
  int cell_width = 0, cell_height = 0;  // pixels of a frame
  int gap = 0;                          // around each

  int width() const { return columns * (cell_width + gap) + gap; }
  int height() const { return rows * (cell_height + gap) + gap; }
};

// A grid about as wide as 3 : 2 for `count` frames of that size, cells of 320 pixels at most, less
// where the sheet would be larger than 4096 pixels. count, width, height > 0.
SheetLayout lay_out_sheet(size_t count, int width, int height);

// All frames have one size, `captions` one for each. invalid_argument otherwise, or without any.
Result<Image> draw_contact_sheet(std::span<const Image> frames,
                                 std::span<const std::string> captions);

}  // namespace glmv::media
