#include "glmv/grounding/camera.h"

#include <charconv>
#include <cmath>
#include <numbers>

namespace glmv::grounding {
namespace {

using Vec3 = std::array<double, 3>;

// Letters of `text` as indices into `letters`; each once.
std::optional<std::array<int, 3>> permutation(std::string_view text, std::string_view letters) {
  std::array<int, 3> axes{};
  bool seen[3] = {};
  if (text.size() != 3) return std::nullopt;
  for (size_t i = 0; i < 3; ++i) {
    const size_t axis = letters.find(text[i]);
    if (axis == letters.npos || std::exchange(seen[axis], true)) return std::nullopt;
    axes[i] = static_cast<int>(axis);
  }
  return axes;
}

// Turns about one axis; positive from the next axis to the one after it.
Vec3 turn(const Vec3& v, int axis, double angle) {
  const int a = (axis + 1) % 3, b = (axis + 2) % 3;
  const double c = std::cos(angle), s = std::sin(angle);
  Vec3 out = v;
  out[a] = c * v[a] - s * v[b];
  out[b] = s * v[a] + c * v[b];
  return out;
}

}  // namespace

Result<Camera> parse_camera(std::string_view text) {
  Camera camera;
  std::string_view rest = text;
  for (double* value : {&camera.fx, &camera.fy, &camera.cx, &camera.cy}) {
    const size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), *value);
    const bool last = value == &camera.cy;
    if (error != std::errc() || end != part.data() + part.size() || !std::isfinite(*value) ||
        last != (comma == rest.npos)) {
      return invalid_argument("--camera {}: write FX,FY,CX,CY in pixels", text);
    }
    if (!last) rest.remove_prefix(comma + 1);
  }
  if (camera.fx <= 0 || camera.fy <= 0) {
    return invalid_argument("--camera {}: focal lengths are above 0", text);
  }
  return camera;
}

Camera camera_with_view(double degrees, int64_t width, int64_t height) {
  const double w = static_cast<double>(width), h = static_cast<double>(height);
  const double focal = w / 2 / std::tan(degrees / 2 * std::numbers::pi / 180);
  return {focal, focal, w / 2, h / 2};
}

Result<AxisOrder> parse_order(std::string_view text) {
  if (text == "code") return AxisOrder{};
  const std::string_view pair = text == "text" ? "xyz-rpy" : text;
  if (pair.size() == 7 && pair[3] == '-') {
    const auto sizes = permutation(pair.substr(0, 3), "xyz");
    const auto angles = permutation(pair.substr(4), "pyr");
    if (sizes && angles) return AxisOrder{*sizes, *angles};
  }
  return invalid_argument(
      "--order {}: write code, text, or the order of sizes and angles, as zyx-pyr", text);
}

std::array<Vec3, 8> corners_of(const parsers::GroundedBox3d& box, const AxisOrder& order) {
  Vec3 half{}, angles{};
  for (size_t i = 0; i < 3; ++i) {
    half[order.sizes[i]] = box.sizes[i] / 2;
    angles[order.angles[i]] = box.angles[i];
  }
  std::array<Vec3, 8> corners{};
  for (size_t i = 0; i < 8; ++i) {
    Vec3 corner{};
    for (size_t axis = 0; axis < 3; ++axis) {
      corner[axis] = (i >> axis & 1) != 0 ? half[axis] : -half[axis];
    }
    for (int axis = 0; axis < 3; ++axis) corner = turn(corner, axis, angles[axis]);
    for (size_t axis = 0; axis < 3; ++axis) corners[i][axis] = corner[axis] + box.center[axis];
  }
  return corners;
}

std::vector<media::Vec2> project_edges(const parsers::GroundedBox3d& box, const AxisOrder& order,
                                       const Camera& camera) {
  std::array<media::Vec2, 8> pixels;
  const auto corners = corners_of(box, order);
  for (size_t i = 0; i < 8; ++i) {
    const auto& [x, y, z] = corners[i];
    if (!(z > 0)) return {};
    pixels[i] = {camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy};
    if (!std::isfinite(pixels[i].x) || !std::isfinite(pixels[i].y)) return {};
  }
  std::vector<media::Vec2> edges;
  for (size_t i = 0; i < 8; ++i) {
    for (size_t axis = 0; axis < 3; ++axis) {
      const size_t other = i | size_t{1} << axis;
      if (other == i) continue;
      edges.push_back(pixels[i]);
      edges.push_back(pixels[other]);
    }
  }
  return edges;
}

}  // namespace glmv::grounding
