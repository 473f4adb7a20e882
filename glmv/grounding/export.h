#pragma once
// Annotations in the forms of other programs. All of them also carry the coordinates in thousandths
// and the text of the answer.

#include <span>
#include <string>

#include "glmv/base/json.h"
#include "glmv/grounding/annotation.h"
#include "glmv/media/image.h"

namespace glmv::grounding {

// One COCO object-detection file of many pictures. Boxes have `bbox`, polygons also `segmentation`,
// points are `keypoints` of one point, boxes in space the bounds of what is seen and `bbox_3d`.
// Categories are the labels; what has none is an "object". Ids begin at 1. What has no place on its
// picture is left out.
Json coco_json(std::span<const Annotations> pictures);

// One LabelMe file (its version 5 schema); `image_path` as it is to stand in the file.
Json labelme_json(const Annotations& annotations, const std::string& image_path);

// An SVG file with the picture inside; `href`: its data: URL or path, may be empty. Errors as
// media::svg_of_shapes.
Result<std::string> svg_file(const Annotations& annotations, const std::string& href);

// Under which PNG files carry the JSON of their annotations as text.
inline constexpr char kPngKeyword[] = "glmv-ground";

// The picture with everything drawn on it, as PNG with that text. Errors as media::draw_shapes.
Result<std::string> annotated_png(const Annotations& annotations, const media::Image& image);

}  // namespace glmv::grounding
