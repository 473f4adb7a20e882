#include "glmv/parsers/tracking.h"

#include <gtest/gtest.h>

#include "glmv/parsers/cases_for_test.h"

namespace glmv::parsers {
namespace {

TEST(Tracking, Cases) {
  for (const Json& test : read_cases("tracking")) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const std::string text = test["text"];
    const TrackingAnswer got = parse_tracking(text, test["width"], test["height"]);
    EXPECT_EQ(got.truncated, test.value("truncated", false));
    EXPECT_EQ(got.largest, test.value("largest", got.largest));
    ASSERT_EQ(got.moments.size(), test["moments"].size());
    for (size_t i = 0; i < got.moments.size(); ++i) {
      const Json& want = test["moments"][i];
      EXPECT_EQ(got.moments[i].time_s, want["time"].get<double>());
      ASSERT_EQ(got.moments[i].boxes.size(), want["boxes"].size());
      for (size_t k = 0; k < want["boxes"].size(); ++k) {
        const GroundedBox& box = got.moments[i].boxes[k];
        const std::vector<double> px = {box.px1, box.py1, box.px2, box.py2};
        EXPECT_EQ(px, want["boxes"][k]["px"].get<std::vector<double>>());
        EXPECT_EQ(box.label, want["boxes"][k]["label"]);
        EXPECT_LE(box.end, text.size());
      }
    }
  }
}

TEST(Tracking, EveryCutGivesWhatIsComplete) {
  std::string text = "{";
  for (int second = 0; second < 5; ++second) {
    text += (second > 0 ? ", \"" : "\"") + std::to_string(second) +
            "\": [{\"label\": \"car-1\", \"bbox_2d\": [10, 20, 30, 40]}]";
  }
  text += "}";
  size_t before = 0;
  for (size_t size = 0; size <= text.size(); ++size) {
    size_t num_boxes = 0;
    for (const TrackedMoment& moment : parse_tracking(text.substr(0, size), 100, 100).moments) {
      for (const GroundedBox& box : moment.boxes) {
        EXPECT_EQ(box.label, "car-1");
        EXPECT_EQ(box.px2, 3.0);
        ++num_boxes;
      }
    }
    EXPECT_GE(num_boxes, before) << text.substr(0, size);
    before = num_boxes;
  }
  EXPECT_EQ(before, 5u);
}

TEST(Tracking, HostileNestingEndsSoon) {
  for (const std::string unit :
       {"{\"0\":", "{\"0\":[", "{\"", "{\"0\":[1],", "[{\"time\":0,", "{"}) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += unit;
    for (const TrackedMoment& moment : parse_tracking(text, 10, 10).moments) {
      EXPECT_TRUE(moment.boxes.empty());
    }
  }
}

}  // namespace
}  // namespace glmv::parsers
