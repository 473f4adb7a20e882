#include "glmv/grounding/camera.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace glmv::grounding {
namespace {

constexpr double kPi = std::numbers::pi;

parsers::GroundedBox3d box(std::array<double, 3> center, std::array<double, 3> sizes,
                           std::array<double, 3> angles = {}) {
  return {.center = center, .sizes = sizes, .angles = angles};
}

TEST(Camera, ReadsFourNumbers) {
  const auto camera = parse_camera("1000,900.5,640,-360");
  ASSERT_TRUE(camera);
  EXPECT_EQ(camera->fy, 900.5);
  EXPECT_EQ(camera->cy, -360);
  for (const char* bad : {"", "1,2,3", "1,2,3,4,5", "0,1,2,3", "-1,1,2,3", "a,1,2,3", "1,1,nan,3",
                          "1,1,2,3,", "1, 1,2,3", "inf,1,2,3"}) {
    const auto error = parse_camera(bad);
    ASSERT_FALSE(error) << bad;
    EXPECT_EQ(error.error().code, Code::kInvalidArgument);
  }
}

TEST(Camera, ViewOfNinetyDegreesSeesHalfTheWidthAtItsFocalLength) {
  const Camera camera = camera_with_view(90, 1000, 500);
  EXPECT_NEAR(camera.fx, 500, 1e-9);
  EXPECT_EQ(camera.cx, 500);
  EXPECT_EQ(camera.cy, 250);
}

TEST(AxisOrder, NamesAndPermutations) {
  const AxisOrder code = *parse_order("code"), text = *parse_order("text");
  EXPECT_EQ(code.sizes, (std::array{2, 1, 0}));
  EXPECT_EQ(code.angles, (std::array{0, 1, 2}));
  EXPECT_EQ(text.sizes, (std::array{0, 1, 2}));
  EXPECT_EQ(text.angles, (std::array{2, 0, 1}));
  EXPECT_EQ(parse_order("zyx-pyr")->sizes, code.sizes);
  for (const char* bad : {"", "xyz", "xyz-pyx", "xxz-pyr", "xyzpyr", "xyz-pp", "xyz_pyr"}) {
    EXPECT_FALSE(parse_order(bad)) << bad;
  }
}

TEST(Project, AnUprightBoxInFrontOfTheCamera) {
  // Sizes in the order of the code: z, y, x.
  const auto edges = project_edges(box({0, 0, 10}, {2, 4, 6}), {}, {100, 100, 50, 40});
  ASSERT_EQ(edges.size(), 24u);
  double left = 1e9, right = -1e9, top = 1e9, bottom = -1e9;
  for (const media::Vec2& p : edges) {
    left = std::min(left, p.x), right = std::max(right, p.x);
    top = std::min(top, p.y), bottom = std::max(bottom, p.y);
  }
  // The near side is 9 away, 6 wide and 4 high.
  EXPECT_NEAR(left, 50 - 100 * 3 / 9.0, 1e-9);
  EXPECT_NEAR(right, 50 + 100 * 3 / 9.0, 1e-9);
  EXPECT_NEAR(top, 40 - 100 * 2 / 9.0, 1e-9);
  EXPECT_NEAR(bottom, 40 + 100 * 2 / 9.0, 1e-9);
}

TEST(Project, BehindTheCameraThereIsNothing) {
  EXPECT_TRUE(project_edges(box({0, 0, -5}, {1, 1, 1}), {}, {100, 100, 50, 50}).empty());
  // One corner is enough.
  EXPECT_TRUE(project_edges(box({0, 0, 0.4}, {1, 1, 1}), {}, {100, 100, 50, 50}).empty());
  EXPECT_TRUE(project_edges(box({0, 0, 0.5}, {1, 1, 1}), {}, {100, 100, 50, 50}).empty());
  EXPECT_FALSE(project_edges(box({0, 0, 0.6}, {1, 1, 1}), {}, {100, 100, 50, 50}).empty());
  EXPECT_TRUE(project_edges(box({1e308, 0, 1}, {1, 1, 1}), {}, {100, 100, 50, 50}).empty());
}

// The corner at the positive side of all axes.
std::array<double, 3> far_corner(std::array<double, 3> angles, const AxisOrder& order) {
  return corners_of(box({0, 0, 0}, {2, 2, 2}, angles), order)[7];
}

void expect_near(std::array<double, 3> got, std::array<double, 3> want) {
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(got[i], want[i], 1e-9) << i;
}

TEST(Project, AnglesTurnAboutXThenYThenZ) {
  const AxisOrder code;
  expect_near(far_corner({0, 0, 0}, code), {1, 1, 1});
  expect_near(far_corner({kPi / 2, 0, 0}, code), {1, -1, 1});  // pitch: y to z
  expect_near(far_corner({0, kPi / 2, 0}, code), {1, 1, -1});  // yaw: z to x
  expect_near(far_corner({0, 0, kPi / 2}, code), {-1, 1, 1});  // roll: x to y
  // About x first, then y: {1, -1, 1} becomes {1, -1, -1}.
  expect_near(far_corner({kPi / 2, kPi / 2, 0}, code), {1, -1, -1});
  // In the order of the text the first angle is the roll.
  expect_near(far_corner({kPi / 2, 0, 0}, *parse_order("text")), {-1, 1, 1});
}

TEST(Project, OrderOfSizes) {
  const auto code = corners_of(box({0, 0, 0}, {2, 4, 6}), {});
  expect_near(code[7], {3, 2, 1});
  const auto text = corners_of(box({0, 0, 0}, {2, 4, 6}), *parse_order("text"));
  expect_near(text[7], {1, 2, 3});
}

}  // namespace
}  // namespace glmv::grounding
