#pragma once
// Boxes in space as a camera sees them: x to the right, y down, z forward.

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/shapes.h"
#include "glmv/parsers/boxes_3d.h"

namespace glmv::grounding {

struct Camera {
  double fx = 0, fy = 0;  // pixels; 0: unknown
  double cx = 0, cy = 0;
};

// "FX,FY,CX,CY" in pixels. Errors: invalid_argument.
Result<Camera> parse_camera(std::string_view text);

// A camera with square pixels in the middle of the picture that sees so wide an angle.
Camera camera_with_view(double degrees, int64_t width, int64_t height);

// Which of the three sizes and angles as written belongs to which axis: 0 x, 1 y, 2 z. Angles:
// pitch about x, yaw about y, roll about z. Published text and code of the format disagree; the
// default is the code's.
struct AxisOrder {
  std::array<int, 3> sizes = {2, 1, 0};   // z, y, x
  std::array<int, 3> angles = {0, 1, 2};  // pitch, yaw, roll
};

// "code" (zyx-pyr), "text" (xyz-rpy) or such a pair of permutations. Errors: invalid_argument.
Result<AxisOrder> parse_order(std::string_view text);

// The eight corners: bits 0, 1, 2 of the index choose the side along x, y, z. Turned about x, then
// y, then z.
std::array<std::array<double, 3>, 8> corners_of(const parsers::GroundedBox3d& box,
                                                const AxisOrder& order);

// The ends of the twelve edges in pixels; empty when a corner does not lie in front of the camera.
std::vector<media::Vec2> project_edges(const parsers::GroundedBox3d& box, const AxisOrder& order,
                                       const Camera& camera);

}  // namespace glmv::grounding
