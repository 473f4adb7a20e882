#include "glmv/parsers/polygons.h"

#include <gtest/gtest.h>

#include "glmv/parsers/cases_for_test.h"

namespace glmv::parsers {
namespace {

TEST(Polygons, Cases) {
  for (const Json& test : read_cases("polygons")) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const std::string text = test["text"];
    const PolygonAnswer got = parse_polygons(text, test["width"], test["height"]);
    ASSERT_EQ(got.polygons.size(), test["polygons"].size());
    for (size_t i = 0; i < got.polygons.size(); ++i) {
      const Json& want = test["polygons"][i];
      const GroundedPolygon& polygon = got.polygons[i];
      ASSERT_EQ(polygon.points.size(), want["px"].size());
      for (size_t k = 0; k < polygon.points.size(); ++k) {
        EXPECT_NEAR(polygon.points[k].px, want["px"][k][0].get<double>(), 1e-9);
        EXPECT_NEAR(polygon.points[k].py, want["px"][k][1].get<double>(), 1e-9);
      }
      EXPECT_EQ(polygon.label, want.value("label", polygon.label));
      EXPECT_EQ(polygon.clamped, want.value("clamped", false));
      EXPECT_LT(polygon.begin, polygon.end);
      EXPECT_LE(polygon.end, text.size());
    }
    EXPECT_EQ(got.largest, test.value("largest", got.largest));
  }
}

TEST(Polygons, HostileNestingEndsSoon) {
  for (const std::string unit : {"[", "[[1],", "[{\"polygon\":", "(1,2)", "{\"points\":[", "['"}) {
    std::string text = "\"polygon\"";
    for (int i = 0; i < 100000; ++i) text += unit;
    EXPECT_TRUE(parse_polygons(text, 10, 10).polygons.empty());
    EXPECT_LE(parse_polygons(text.substr(9), 10, 10).polygons.size(), 1u);
  }
}

}  // namespace
}  // namespace glmv::parsers
