#include "glmv/grounding/export.h"

#include <gtest/gtest.h>

#include <set>

#include "glmv/grounding/annotation_json.h"
#include "glmv/media/decode.h"

namespace glmv::grounding {
namespace {

Annotations sample() {
  Annotations got = find_annotations(
      R"([{"label":"cup","bbox_2d":[100,200,300,400]},{"label":"cup","bbox_2d":[500,500,1000,1000]},)"
      R"({"label":"<&\"dog","bbox_2d":[0,0,10,10]}])",
      1000, 500);
  got.image = "a.png";
  got.query = "things";
  return got;
}

TEST(Coco, BoxesCategoriesAndIds) {
  const Annotations one = sample();
  Annotations two = find_annotations("tip [500,500]", 100, 100);
  two.image = "b.png";
  Annotations three =
      find_annotations("[[0,0],[1000,0],[0,1000]]", 100, 100, {.form = AnswerForm::kPolygon});
  const std::vector<Annotations> pictures = {one, two, three};
  const Json coco = coco_json(pictures);
  ASSERT_EQ(coco["images"].size(), 3u);
  EXPECT_EQ(coco["images"][1]["file_name"], "b.png");
  EXPECT_EQ(coco["images"][0]["raw_text"], one.raw_text);
  ASSERT_EQ(coco["annotations"].size(), 5u);
  std::set<int> ids;
  for (const Json& a : coco["annotations"]) {
    EXPECT_TRUE(ids.insert(a["id"].get<int>()).second);
    EXPECT_GE(a["category_id"].get<int>(), 1);
    EXPECT_LE(a["category_id"].get<size_t>(), coco["categories"].size());
  }
  const Json& box = coco["annotations"][0];
  EXPECT_EQ(box["bbox"], (Json{100, 100, 200, 100}));
  EXPECT_EQ(box["area"], 20000);
  EXPECT_EQ(box["thousandths"], (Json{100, 200, 300, 400}));
  EXPECT_EQ(box["category_id"], coco["annotations"][1]["category_id"]);
  EXPECT_NE(box["category_id"], coco["annotations"][2]["category_id"]);
  EXPECT_EQ(coco["annotations"][3]["keypoints"], (Json{50, 50, 2}));
  EXPECT_EQ(coco["annotations"][4]["area"], 5000);
  EXPECT_EQ(coco["annotations"][4]["segmentation"][0], (Json{0, 0, 100, 0, 0, 100}));
  EXPECT_EQ(coco["categories"].back()["name"], "object") << "no answer names it";
}

TEST(LabelMe, ShapesOfEveryKind) {
  const Json file = labelme_json(sample(), "../a.png");
  EXPECT_EQ(file["imagePath"], "../a.png");
  EXPECT_EQ(file["imageHeight"], 500);
  ASSERT_EQ(file["shapes"].size(), 3u);
  EXPECT_EQ(file["shapes"][0]["shape_type"], "rectangle");
  EXPECT_EQ(file["shapes"][0]["points"], (Json{{100.0, 100.0}, {300.0, 200.0}}));
  EXPECT_EQ(file["shapes"][0]["description"], "0-1000: [100,200,300,400]");
  const Json point = labelme_json(find_annotations("[5,5]", 100, 100), "a");
  EXPECT_EQ(point["shapes"][0]["shape_type"], "point");
  EXPECT_EQ(point["shapes"][0]["label"], "object");
  const Json space = labelme_json(
      find_annotations(R"([{"bbox_3d":[0,0,9,1,1,1,0,0,0],"label":"car"}])", 100, 100), "a");
  ASSERT_EQ(space["shapes"].size(), 12u);
  EXPECT_EQ(space["shapes"][0]["shape_type"], "line");
  EXPECT_EQ(space["shapes"][0]["group_id"], space["shapes"][11]["group_id"]);
}

TEST(Svg, IsEscapedAndCarriesTheText) {
  const auto svg = svg_file(sample(), "data:image/png;base64,AAAA");
  ASSERT_TRUE(svg);
  EXPECT_NE(svg->find("viewBox=\"0 0 1000 500\""), svg->npos);
  EXPECT_NE(svg->find("data-label=\"&lt;&amp;&quot;dog\""), svg->npos);
  EXPECT_EQ(svg->find("<&"), svg->npos);
  EXPECT_NE(svg->find("<metadata>{&quot;image&quot;"), svg->npos);
  EXPECT_NE(svg->find("href=\"data:image/png;base64,AAAA\""), svg->npos);
}

TEST(AnnotatedPng, KeepsTheSizeAndCarriesTheText) {
  const media::Image image{1000, 500, media::PixelBytes(1000 * 500 * 3, 200)};
  const Annotations got = sample();
  const auto png = annotated_png(got, image);
  ASSERT_TRUE(png);
  EXPECT_NE(png->find("iTXtglmv-ground"), png->npos);
  EXPECT_NE(png->find(to_json(got).dump()), png->npos);
  const auto decoded = media::decode_image(*png, "drawn");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->image.width, 1000);
  EXPECT_NE(decoded->image.data, image.data);
}

TEST(Export, NothingFoundGivesWholeFiles) {
  Annotations none = find_annotations("there is none", 10, 10);
  EXPECT_EQ(coco_json({&none, 1})["annotations"], Json::array());
  EXPECT_EQ(labelme_json(none, "x")["shapes"], Json::array());
  EXPECT_TRUE(svg_file(none, ""));
}

}  // namespace
}  // namespace glmv::grounding
