#pragma once
// What boxes and polygons enclose, cut out of a picture.

#include <string>
#include <vector>

#include "glmv/base/json.h"
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

// to_json() of the item alone, and where the crop lies: "crop": {"box": [x1,y1,x2,y2] in 0-1000,
// "px": [...]}.
Json crop_json(const Annotations& annotations, const Crop& crop);
// The crop as PNG with that JSON as text. Errors as media::encode_png.
Result<std::string> crop_png(const Annotations& annotations, const Crop& crop);

// Letters, digits, - and _ of a label, for names of files; at most 40 bytes, maybe none.
std::string file_word(const std::string& label);

}  // namespace glmv::grounding
