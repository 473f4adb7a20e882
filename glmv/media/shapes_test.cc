#include "glmv/media/shapes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "glmv/media/draw.h"
#include "glmv/media/svg_writer.h"

namespace glmv::media {
namespace {

Image grey(int width, int height) {
  return {width, height, PixelBytes(static_cast<size_t>(width) * height * 3, 128)};
}

bool changed(const Image& image, int x, int y) {
  const uint8_t* p = image.pixel(x, y);
  return p[0] != 128 || p[1] != 128 || p[2] != 128;
}

TEST(ClipShapes, CutAtTheEdges) {
  const std::vector<Shape> shapes = {
      {ShapeKind::kBox, {{50, -5}, {-10, 20}}, "a"},
      {ShapeKind::kWire, {{-10, 5}, {10, 5}, {0, 50}, {10, 60}}, "b"},
      {ShapeKind::kPolygon, {{-10, -10}, {30, -10}, {30, 30}, {-10, 30}}, "c"},
      {ShapeKind::kPoint, {{40, 5}}, "outside"},
      {ShapeKind::kPoint, {{5, 5}}, "d"},
      {ShapeKind::kBox, {{100, 100}, {110, 110}}, "outside"}};
  const auto clipped = clip_shapes(shapes, 20, 10);
  ASSERT_TRUE(clipped);
  ASSERT_EQ(clipped->size(), 4u);
  const Rect box = bounds_of((*clipped)[0]);
  EXPECT_EQ(box.x1, 0);
  EXPECT_EQ(box.x2, 20);
  EXPECT_EQ(box.y2, 10);
  ASSERT_EQ((*clipped)[1].points.size(), 2u) << "the line outside is gone";
  EXPECT_NEAR((*clipped)[1].points[0].x, 0, 1e-9);
  for (const Vec2& p : (*clipped)[2].points) {
    EXPECT_TRUE(p.x >= 0 && p.x <= 20 && p.y >= 0 && p.y <= 10);
  }
  EXPECT_EQ((*clipped)[3].label, "d");
}

TEST(ClipShapes, HugeLinesStayExactAndBadOnesAreNamed) {
  const auto far = clip_shapes(
      std::vector<Shape>{{ShapeKind::kWire, {{-1e12, -1e12}, {1e12, 1e12}}, ""}}, 100, 100);
  ASSERT_EQ(far->size(), 1u);
  for (const Vec2& p : (*far)[0].points) EXPECT_TRUE(p.x >= -1 && p.x <= 101);
  EXPECT_TRUE(
      clip_shapes(std::vector<Shape>{{ShapeKind::kWire, {{-1e308, 0}, {1e308, 0}}, ""}}, 9, 9)
          ->empty());
  for (const Shape& bad : {Shape{ShapeKind::kBox, {{1, 1}}, ""}, Shape{ShapeKind::kPoint, {}, ""},
                           Shape{ShapeKind::kPolygon, {{1, 1}, {2, 2}}, ""},
                           Shape{ShapeKind::kWire, {{1, 1}, {2, 2}, {3, 3}}, ""},
                           Shape{ShapeKind::kPoint, {{std::nan(""), 1}}, ""}}) {
    const auto error = clip_shapes({&bad, 1}, 10, 10);
    ASSERT_FALSE(error);
    EXPECT_EQ(error.error().code, Code::kInvalidArgument);
  }
}

TEST(DrawShapes, EveryKindLeavesItsMark) {
  const std::vector<Shape> shapes = {{ShapeKind::kPoint, {{20, 20}}, ""},
                                     {ShapeKind::kPolygon, {{50, 10}, {90, 10}, {70, 40}}, ""},
                                     {ShapeKind::kWire, {{10, 70}, {90, 70}}, ""}};
  const auto out = draw_shapes(grey(100, 80), shapes);
  ASSERT_TRUE(out);
  EXPECT_TRUE(changed(*out, 20, 20));
  EXPECT_FALSE(changed(*out, 30, 30));
  EXPECT_TRUE(changed(*out, 70, 20)) << "inside the polygon";
  EXPECT_FALSE(changed(*out, 52, 38));
  EXPECT_TRUE(changed(*out, 50, 69));
  EXPECT_FALSE(changed(*out, 50, 60));
}

TEST(DrawShapes, PointsGrowWithThePicture) {
  EXPECT_EQ(point_radius(100, 80), 4);
  EXPECT_EQ(point_radius(2000, 1000), 16);
}

TEST(MaskOfShapes, PixelsWhoseCentreIsInside) {
  const std::vector<Shape> shapes = {{ShapeKind::kBox, {{2, 3}, {6, 5}}, "a"},
                                     {ShapeKind::kPolygon, {{10, 0}, {20, 0}, {10, 10}}, "b"},
                                     {ShapeKind::kWire, {{0, 9}, {20, 9}}, "c"}};
  const auto mask = mask_of_shapes(20, 10, shapes);
  ASSERT_TRUE(mask);
  int in_box = 0;
  for (int y = 0; y < 10; ++y) {
    for (int x = 0; x < 10; ++x) in_box += mask->data[y * 20 + x] == 255 ? 1 : 0;
  }
  EXPECT_EQ(in_box, 4 * 2);
  EXPECT_EQ(mask->data[1 * 20 + 12], 255);
  EXPECT_EQ(mask->data[9 * 20 + 19], 0);
  const Image dark = darken_outside(grey(20, 10), *mask);
  EXPECT_EQ(dark.pixel(3, 3)[0], 128);
  EXPECT_EQ(dark.pixel(0, 0)[0], 128 / 3);
}

// Tags are closed in order and text is escaped: what a parser of XML asks for first.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  for (size_t pos = xml.find('<'); pos != xml.npos; pos = xml.find('<', pos)) {
    const size_t end = xml.find('>', pos);
    if (end == xml.npos) return false;
    const std::string tag = xml.substr(pos + 1, end - pos - 1);
    pos = end;
    if (tag.starts_with("?")) continue;
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (!tag.ends_with("/")) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty();
}

TEST(SvgWriter, StandsByItself) {
  const std::vector<Shape> shapes = {
      {ShapeKind::kBox, {{1, 2}, {30, 40}}, "a \"quoted\" <b> & c"},
      {ShapeKind::kPoint, {{5, 5}}, "\xE7\xBA\xA2"},
      {ShapeKind::kPolygon, {{0, 0}, {500, 0}, {0, 500}}, std::string("\xFF\x01", 2)},
      {ShapeKind::kWire, {{0, 0}, {10, 10}, {20, 20}, {1e9, 20}}, "w"}};
  const auto svg = svg_of_shapes({100, 80, "", "{\"a\": \"<\"}"}, shapes);
  ASSERT_TRUE(svg);
  EXPECT_TRUE(is_well_formed(*svg)) << *svg;
  EXPECT_NE(svg->find("data-label=\"a &quot;quoted&quot; &lt;b&gt; &amp; c\""), svg->npos);
  EXPECT_NE(svg->find("<polygon"), svg->npos);
  EXPECT_NE(svg->find("L100 20"), svg->npos) << "lines end at the edge";
  EXPECT_EQ(svg->find("<image"), svg->npos);
  EXPECT_EQ(svg_of_shapes({40000, 10, "", ""}, {}).error().code, Code::kUnsupported);
}

TEST(SvgWriter, TextThatXmlCannotHold) {
  EXPECT_EQ(xml_text("a\x01<&>\"\n"), "a\xEF\xBF\xBD&lt;&amp;&gt;&quot;\n");
  EXPECT_EQ(xml_text("\xEF\xBF\xBE\xFF"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace glmv::media
