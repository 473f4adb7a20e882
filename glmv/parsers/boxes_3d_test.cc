#include "glmv/parsers/boxes_3d.h"

#include <gtest/gtest.h>

#include "glmv/parsers/cases_for_test.h"

namespace glmv::parsers {
namespace {

TEST(Boxes3d, Cases) {
  for (const Json& test : read_cases("boxes_3d")) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const std::string text = test["text"];
    const Box3dAnswer got = parse_boxes_3d(text);
    EXPECT_EQ(got.rejected.size(), test["rejected"].get<size_t>());
    ASSERT_EQ(got.boxes.size(), test["boxes"].size());
    for (size_t i = 0; i < got.boxes.size(); ++i) {
      const GroundedBox3d& box = got.boxes[i];
      std::vector<double> numbers;
      for (const auto& part : {box.center, box.sizes, box.angles}) {
        numbers.insert(numbers.end(), part.begin(), part.end());
      }
      EXPECT_EQ(numbers, test["boxes"][i]["numbers"].get<std::vector<double>>());
      EXPECT_EQ(box.label, test["boxes"][i]["label"]);
      EXPECT_LT(box.begin, box.end);
      EXPECT_LE(box.end, text.size());
    }
  }
}

}  // namespace
}  // namespace glmv::parsers
