#pragma once
// What boxes and polygons enclose, cut out of a picture.

#include <vector>

#include "glmv/grounding/annotation.h"
#include "glmv/media/image.h"

namespace glmv::grounding {

struct Crop {
  size_t item = 0;  // index into the items
  media::Image image;
  int x = 0, y = 0;  // of its first pixel
};

// A crop for each box, polygon and visible box in space that encloses anything, widened by `pad`
// thousandths of the picture on every side and cut at its edge. `image` has the size of the
// annotations.
std::vector<Crop> crop_annotations(const Annotations& annotations, const media::Image& image,
                                   double pad);

// Letters, digits, - and _ of a label, for names of files; at most 40 bytes, maybe none.
std::string file_word(const std::string& label);

}  // namespace glmv::grounding
