#pragma once
// Annotations as JSON: what `glmv ground --json`, its JSON Lines and POST /api/ground say.

#include "glmv/base/json.h"
#include "glmv/grounding/annotation.h"

namespace glmv::grounding {

// {"image", "page", "width", "height", "query", "boxes", "points", "polygons", "boxes_3d",
// "rejected", "raw_text"}; image, page, query, width and height only where they are known. A box:
// {"box": [x1,y1,x2,y2] in 0-1000, "px": [...], "label", "reordered", "clamped"}; a point and a
// polygon likewise with "point", "polygon"; a box in space {"bbox_3d": nine numbers as written,
// "label", "px_edges": [[x1,y1,x2,y2], ...] where it can be seen}. px only where the size is known.
Json to_json(const Annotations& annotations);

// The reverse, as far as evaluation needs it: boxes with labels, image and query.
// Errors: invalid_argument.
Result<Annotations> annotations_from_json(const Json& json);

// Rounded to two decimals; whole numbers without a point.
Json number_json(double value);
// [x, y, ...] of points in a row.
Json flat_json(const std::vector<Vec2>& points);

}  // namespace glmv::grounding
