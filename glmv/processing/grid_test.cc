#include "glmv/processing/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/processing/golden_lines.h"

namespace glmv::processing {
namespace {

const ResizeLimits kImageLimits{12544, 9633792, 28, 2};
const ResizeLimits kVideoLimits{12544, 47040000, 28, 2};

TEST(SmartResize, Pictures) {
  // width, height -> width, height; limits of the released preprocessor_config.json.
  const int64_t cases[][4] = {
      {640, 480, 644, 476},     {1920, 1080, 1932, 1092}, {1700, 2200, 1708, 2212},
      {336, 336, 336, 336},     {100, 100, 112, 112},     {70, 70, 84, 84},
      {28, 28, 84, 84},         {10, 10, 84, 84},         {6000, 4000, 2688, 1792},
      {4000, 3000, 2520, 1876}, {3000, 3000, 2184, 2184}, {5000, 4000, 2436, 1960},
      {4096, 2160, 2996, 1568}, {20, 3000, 28, 4200}};
  for (const auto& [w, h, out_w, out_h] : cases) {
    const auto size = smart_resize(2, h, w, kImageLimits);
    ASSERT_TRUE(size);
    EXPECT_EQ(size->width, out_w) << w << "x" << h;
    EXPECT_EQ(size->height, out_h) << w << "x" << h;
  }
}

TEST(SmartResize, Videos) {
  // frames, width, height -> width, height.
  const int64_t cases[][5] = {{20, 1920, 1080, 1932, 1092},
                              {600, 1920, 1080, 364, 196},
                              {600, 640, 360, 364, 196},
                              {2, 640, 360, 644, 364},
                              {640, 1280, 720, 336, 196}};
  for (const auto& [n, w, h, out_w, out_h] : cases) {
    const auto size = smart_resize(n, h, w, kVideoLimits);
    ASSERT_TRUE(size);
    EXPECT_EQ(size->width, out_w) << n << " frames of " << w << "x" << h;
    EXPECT_EQ(size->height, out_h);
  }
}

TEST(SmartResize, RoundsHalfToEven) {
  const ResizeLimits no_limits{1, int64_t{1} << 40, 28, 2};
  for (const auto& [in, out] : {std::pair{70, 56}, std::pair{42, 56}, std::pair{98, 112},
                                std::pair{126, 112}, std::pair{350, 336}}) {
    EXPECT_EQ(smart_resize(2, in, 280, no_limits)->height, out) << in;
  }
}

TEST(SmartResize, Errors) {
  using testing::HasSubstr;
  EXPECT_THAT(smart_resize(2, 300, 1, kImageLimits).error().message, HasSubstr("300 times"));
  EXPECT_THAT(smart_resize(2, 65535, 1, kImageLimits).error().message, HasSubstr("1 x 65535"));
  EXPECT_TRUE(smart_resize(2, 200 * 28, 28, kImageLimits));
  EXPECT_FALSE(smart_resize(2, 200 * 28 + 1, 28, kImageLimits));
  EXPECT_THAT(smart_resize(1, 100, 100, kVideoLimits).error().message, HasSubstr("at least 2"));
  EXPECT_FALSE(smart_resize(2, 0, 100, kImageLimits));
}

TEST(SmartResize, GoldensOfTheReference) {
  int checked = 0;
  for (const Json& row : golden_lines("smart_resize.jsonl")) {
    if (!row.contains("n")) continue;
    const ResizeLimits limits{row["min"], row["max"], row["factor"], 2};
    const auto size = smart_resize(row["n"], row["h"], row["w"], limits);
    if (row.contains("error")) {
      EXPECT_FALSE(size) << row.dump();
    } else {
      ASSERT_TRUE(size) << row.dump();
      EXPECT_EQ(size->height, row["out"][0].get<int64_t>()) << row.dump();
      EXPECT_EQ(size->width, row["out"][1].get<int64_t>()) << row.dump();
    }
    ++checked;
  }
  EXPECT_GE(checked, 500);
}

}  // namespace
}  // namespace glmv::processing
