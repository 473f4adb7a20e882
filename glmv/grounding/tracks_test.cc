#include "glmv/grounding/tracks.h"

#include <gtest/gtest.h>

namespace glmv::grounding {
namespace {

const char kAnswer[] =
    R"({"0": [{"label": "car", "bbox_2d": [0,0,100,100]}, {"label": "car", "bbox_2d": [500,0,600,100]}],
        "2": [{"label": "car", "bbox_2d": [200,0,300,100]}, {"label": "dog", "bbox_2d": [0,0,9,9]}]})";

parsers::TrackingAnswer tracks() { return parsers::parse_tracking(kAnswer, 1000, 1000); }

TEST(Tracks, BoxesAreHeldToTheNextMoment) {
  EXPECT_EQ(boxes_at(tracks(), 0, false).size(), 2u);
  EXPECT_EQ(boxes_at(tracks(), 1.99, false)[0].points[0].x, 0);
  const auto second = boxes_at(tracks(), 2, false);
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(second[0].points[0].x, 200);
  // The last as long as the gap before it.
  EXPECT_EQ(boxes_at(tracks(), 3.99, false).size(), 2u);
  EXPECT_TRUE(boxes_at(tracks(), 4, false).empty());
}

TEST(Tracks, NothingBeforeTheFirstMomentAndALoneOneLastsASecond) {
  const auto one =
      parsers::parse_tracking(R"({"3": [{"label": "a", "bbox_2d": [1,2,3,4]}]})", 9, 9);
  EXPECT_TRUE(boxes_at(one, 2.9, false).empty());
  EXPECT_EQ(boxes_at(one, 3.9, true).size(), 1u);
  EXPECT_TRUE(boxes_at(one, 4, true).empty());
  EXPECT_TRUE(boxes_at({}, 0, true).empty());
}

TEST(Tracks, InterpolationMovesEqualLabels) {
  const auto half = boxes_at(tracks(), 1, true);
  ASSERT_EQ(half.size(), 2u);
  EXPECT_EQ(half[0].points[0].x, 100);
  EXPECT_EQ(half[0].points[1].x, 200);
  EXPECT_EQ(half[1].points[0].x, 500) << "the second car has no partner";
}

TEST(Tracks, Json) {
  const Json json = tracks_json(tracks(), 1000, 1000, 4, kAnswer);
  ASSERT_EQ(json["moments"].size(), 2u);
  EXPECT_EQ(json["moments"][1]["time"], 2);
  EXPECT_EQ(json["moments"][1]["boxes"][0]["px"], (Json{200, 0, 300, 100}));
  EXPECT_EQ(json["truncated"], false);
}

}  // namespace
}  // namespace glmv::grounding
