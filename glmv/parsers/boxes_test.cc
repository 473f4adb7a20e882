#include "glmv/parsers/boxes.h"

#include <gtest/gtest.h>

#include "glmv/base/random.h"
#include "glmv/parsers/cases_for_test.h"

namespace glmv::parsers {
namespace {

void expect_near(const Json& want, std::initializer_list<double> got) {
  size_t i = 0;
  for (const double value : got) EXPECT_NEAR(value, want[i++].get<double>(), 1e-9);
}

TEST(Boxes, Cases) {
  for (const Json& test : read_cases("boxes")) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const std::string text = test["text"];
    const Grounding got = parse_grounding(text, test["width"], test["height"]);
    EXPECT_EQ(got.from_json, test.value("json", false));
    ASSERT_EQ(got.boxes.size(), test["boxes"].size());
    for (size_t i = 0; i < got.boxes.size(); ++i) {
      const Json& want = test["boxes"][i];
      const GroundedBox& box = got.boxes[i];
      expect_near(want["px"], {box.px1, box.py1, box.px2, box.py2});
      if (want.contains("unit")) expect_near(want["unit"], {box.x1, box.y1, box.x2, box.y2});
      EXPECT_EQ(box.label, want.value("label", box.label));
      Json flags = Json::array();
      if (box.reordered) flags.push_back("reordered");
      if (box.clamped) flags.push_back("clamped");
      if (box.degenerate) flags.push_back("degenerate");
      EXPECT_EQ(flags, want["flags"]);
      EXPECT_LT(box.begin, box.end);
      EXPECT_LE(box.end, text.size());
    }
    const Json points = test.value("points", Json::array());
    ASSERT_EQ(got.points.size(), points.size());
    for (size_t i = 0; i < points.size(); ++i) {
      expect_near(points[i], {got.points[i].px, got.points[i].py});
    }
    if (test.contains("rejected_count")) {
      EXPECT_EQ(got.rejected.size(), test["rejected_count"].get<size_t>());
      continue;
    }
    Json rejected = Json::array();
    for (const RejectedCoordinates& r : got.rejected) {
      EXPECT_EQ(r.reason, "bad_arity");
      rejected.push_back(text.substr(r.begin, r.end - r.begin));
    }
    EXPECT_EQ(rejected, test.value("rejected", Json::array()));
  }
}

TEST(Boxes, SpanIsTheBoxAsWritten) {
  const std::string text = "cat [[1,2,3,4],[5,6,7,8]], (1,2),(3,4)";
  const Grounding got = parse_grounding(text, 10, 10);
  ASSERT_EQ(got.boxes.size(), 3u);
  const auto span = [&](size_t i) {
    return text.substr(got.boxes[i].begin, got.boxes[i].end - got.boxes[i].begin);
  };
  EXPECT_EQ(span(0), "[1,2,3,4]");
  EXPECT_EQ(span(1), "[5,6,7,8]");
  EXPECT_EQ(span(2), "(1,2),(3,4)");
  EXPECT_TRUE(got.boxes[0].labelled);
  EXPECT_FALSE(got.boxes[2].labelled);
}

TEST(Boxes, ResultsAreAlwaysInsideThePicture) {
  const std::string alphabet = "[](){}<>,; 0123456789-./'\":\nabbox_2d\xEF\xBC\x8C\xFF";
  Random random(5);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (uint64_t n = random.below(60); n > 0; --n) text += alphabet[random.below(alphabet.size())];
    for (const GroundedBox& box : parse_grounding(text, 640, 480).boxes) {
      EXPECT_TRUE(box.x1 >= 0 && box.x1 <= box.x2 && box.x2 <= 1000) << text;
      EXPECT_TRUE(box.py1 >= 0 && box.py1 <= box.py2 && box.py2 <= 480) << text;
    }
  }
}

TEST(Boxes, HostileNestingEndsSoon) {
  for (const std::string unit : {"[", "[[1],", "[{\"bbox_2d\":", "(1,2)", "{\"a\":", "['"}) {
    std::string text = "\"bbox_2d\"";
    for (int i = 0; i < 100000; ++i) text += unit;
    EXPECT_TRUE(parse_grounding(text, 10, 10).boxes.empty());
    EXPECT_TRUE(parse_grounding(text.substr(9), 10, 10).rejected.empty());
  }
}

}  // namespace
}  // namespace glmv::parsers
