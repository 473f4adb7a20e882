#pragma once
// Boxes in space in an answer: [{"bbox_3d": [cx,cy,cz, s1,s2,s3, r1,r2,r3], "label": ...}], metres
// and radians in the camera's axes. What the sizes and angles stand for depends on the prompt that
// was given: the numbers are handed on as written. Arbitrary bytes are fine.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/parsers/boxes.h"

namespace glmv::parsers {

struct GroundedBox3d {
  std::array<double, 3> center{};
  std::array<double, 3> sizes{};   // s1, s2, s3
  std::array<double, 3> angles{};  // r1, r2, r3
  std::string label;               // "1", "2", ... when the answer names nothing
  bool labelled = false;
  size_t begin = 0, end = 0;  // bytes of the answer that hold it
};

struct Box3dAnswer {
  std::vector<GroundedBox3d> boxes;
  std::vector<RejectedCoordinates> rejected;  // a bbox_3d without nine numbers
};

// The last complete list, else every complete object of one that was cut off.
Box3dAnswer parse_boxes_3d(std::string_view answer);

}  // namespace glmv::parsers
