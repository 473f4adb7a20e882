#include "glmv/grounding/annotation.h"

#include <gtest/gtest.h>

#include "glmv/grounding/annotation_json.h"
#include "glmv/grounding/crops.h"

namespace glmv::grounding {
namespace {

TEST(Annotations, BothRulesOfPixels) {
  const std::string answer = "[0,0,1000,1000]";
  const Annotations edge = find_annotations(answer, 1280, 720);
  EXPECT_EQ(flat_json(edge.items.at(0).pixels), (Json{0, 0, 1280, 720}));
  const Annotations upstream =
      find_annotations(answer, 1280, 720, {.pixels = PixelRule::kUpstream});
  EXPECT_EQ(flat_json(upstream.items.at(0).pixels), (Json{0, 0, 1278, 719}));
}

TEST(Annotations, EveryFormFindsItsOwn) {
  const auto kinds = [](const std::string& answer, AnswerForm form) {
    std::string out;
    for (const Annotation& item : find_annotations(answer, 100, 100, {.form = form}).items) {
      out += std::string(kind_name(item.kind)) + " ";
    }
    return out;
  };
  const std::string mixed = "[1,2,3,4] and [5,6]";
  EXPECT_EQ(kinds(mixed, AnswerForm::kAuto), "box point ");
  EXPECT_EQ(kinds(mixed, AnswerForm::kBox), "box ");
  EXPECT_EQ(kinds(mixed, AnswerForm::kPoint), "point ");
  EXPECT_EQ(kinds("[[1,2],[3,4],[5,6]]", AnswerForm::kAuto), "point point point ");
  EXPECT_EQ(kinds("[[1,2],[3,4],[5,6]]", AnswerForm::kPolygon), "polygon ");
  EXPECT_EQ(kinds("the polygon [[1,2],[3,4],[5,6]]", AnswerForm::kAuto), "polygon ");
  const std::string space = R"([{"bbox_3d":[0,0,9,1,1,1,0,0,0],"label":"car"}])";
  EXPECT_EQ(kinds(space, AnswerForm::kAuto), "box_3d ");
  EXPECT_EQ(kinds(space, AnswerForm::kBox3d), "box_3d ");
  EXPECT_EQ(kinds(space, AnswerForm::kBox), "");
  EXPECT_EQ(kinds("nothing", AnswerForm::kAuto), "");
}

TEST(Annotations, FormsByName) {
  EXPECT_EQ(parse_form("3d"), AnswerForm::kBox3d);
  EXPECT_EQ(parse_form("poly"), AnswerForm::kPolygon);
  EXPECT_EQ(parse_form("mask"), std::nullopt);
}

TEST(Annotations, LargestTellsThatAnAnswerIsInPixels) {
  EXPECT_EQ(find_annotations("[10,20,1900,1000]", 100, 100).largest, 1900);
  EXPECT_EQ(
      find_annotations("[[1,2],[3,4],[5,1600]]", 9, 9, {.form = AnswerForm::kPolygon}).largest,
      1600);
  EXPECT_EQ(find_annotations("none", 100, 100).largest, 0);
}

TEST(Annotations, JsonCarriesBothCoordinatesAndTheText) {
  Annotations got = find_annotations("cup: [100,200,300,400], tip [500,500]", 1280, 720);
  got.image = "a.png";
  got.query = "cup";
  const Json json = to_json(got);
  EXPECT_EQ(json["boxes"][0]["box"], (Json{100, 200, 300, 400}));
  EXPECT_EQ(json["boxes"][0]["px"], (Json{128, 144, 384, 288}));
  EXPECT_EQ(json["boxes"][0]["label"], "cup");
  EXPECT_EQ(json["boxes"][0]["reordered"], false);
  EXPECT_EQ(json["points"][0]["point"], (Json{500, 500}));
  EXPECT_EQ(json["points"][0]["px"], (Json{640, 360}));
  EXPECT_EQ(json["raw_text"], got.raw_text);
  EXPECT_EQ(json["width"], 1280);
  const Json blind = to_json(find_annotations("[1,2,3,4]", 0, 0));
  EXPECT_FALSE(blind.contains("width"));
  EXPECT_FALSE(blind["boxes"][0].contains("px"));

  const auto back = annotations_from_json(Json::parse(json.dump()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->image, "a.png");
  EXPECT_EQ(back->items.at(0).unit[1].x, 300);
  for (const char* bad : {"[]", "{}", R"({"boxes":3})", R"({"boxes":[1]})",
                          R"({"boxes":[{"box":[1,2,3]}]})", R"({"boxes":[{"box":[1,2,3,"x"]}]})"}) {
    EXPECT_FALSE(annotations_from_json(Json::parse(bad))) << bad;
  }
}

TEST(Annotations, IllFormedTextBecomesValidJson) {
  const Annotations got =
      find_annotations("\xFF\xFE [1,2,3,4] {'bbox_2d': [1,2,3,4], 'label': '\xC3'}", 10, 10);
  EXPECT_NO_THROW(to_json(got).dump());
}

TEST(Crops, PaddedAndCutAtTheEdge) {
  media::Image image{100, 50, media::PixelBytes(100 * 50 * 3)};
  for (int y = 0; y < 50; ++y) {
    for (int x = 0; x < 100; ++x) image.pixel(x, y)[0] = static_cast<uint8_t>(x);
  }
  const Annotations got =
      find_annotations("[100,200,300,400] [950,0,1000,100] [5,5] [7,7,7,7]", 100, 50);
  const std::vector<Crop> plain = crop_annotations(got, image, 0);
  ASSERT_EQ(plain.size(), 2u) << "points and empty boxes enclose nothing";
  EXPECT_EQ(plain[0].image.width, 20);
  EXPECT_EQ(plain[0].image.height, 10);
  EXPECT_EQ(plain[0].image.pixel(0, 0)[0], 10);
  const std::vector<Crop> padded = crop_annotations(got, image, 15);
  EXPECT_EQ(padded[0].x, 8);
  EXPECT_EQ(padded[0].image.width, 32 - 8);
  EXPECT_EQ(padded[1].x + padded[1].image.width, 100);
  EXPECT_EQ(padded[1].y, 0);
}

TEST(Crops, NamesOfFiles) {
  EXPECT_EQ(file_word("red cup/../x"), "red_cup_x");
  EXPECT_EQ(file_word("\xE7\xBA\xA2"), "");
  EXPECT_EQ(file_word(std::string(100, 'a')).size(), 40u);
}

}  // namespace
}  // namespace glmv::grounding
