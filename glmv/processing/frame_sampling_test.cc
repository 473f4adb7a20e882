#include "glmv/processing/frame_sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "glmv/processing/golden_lines.h"

namespace glmv::processing {
namespace {

using testing::ElementsAre;

std::vector<int64_t> sample(double fps, int64_t n, double duration, VideoStyle style) {
  return sample_frames({n, fps, duration}, style).value();
}

TEST(FrameSampling, Glm4v) {
  constexpr VideoStyle k = VideoStyle::kGlm4v;
  EXPECT_THAT(sample(25, 25, 1, k), ElementsAre(0, 13));
  EXPECT_THAT(sample(24, 10, 0, k), ElementsAre(0, 9));
  EXPECT_THAT(sample(24, 1, 0, k), ElementsAre(0, 0));
  EXPECT_THAT(sample(30, 15, 0.5, k), ElementsAre(0, 0));
  EXPECT_THAT(sample(1, 5, 5, k), ElementsAre(0, 1, 2, 3, 4, 4));
  EXPECT_THAT(sample(60, 120, 2, k), ElementsAre(0, 30, 60, 90));
  EXPECT_EQ(sample(30, 300, 10, k).size(), 20u);
  EXPECT_EQ(sample(30, 301, 0, k).size(), 22u);
  EXPECT_EQ(sample(29.97, 899, 29.996, k).size(), 60u);
  const auto cut = sample(30, 9030, 301, k);
  EXPECT_EQ(cut.size(), 600u);
  EXPECT_EQ(cut[1], 16);
  EXPECT_EQ(cut[599], 9029);
}

TEST(FrameSampling, Glm46v) {
  constexpr VideoStyle k = VideoStyle::kGlm46v;
  EXPECT_THAT(sample(25, 25, 1, k), ElementsAre(0, 5, 9, 13, 17, 21));
  EXPECT_THAT(sample(24, 10, 0, k), ElementsAre(0, 1, 3, 4, 6, 8));
  EXPECT_THAT(sample(24, 1, 0, k), ElementsAre(0, 0));
  EXPECT_THAT(sample(30, 15, 0.5, k), ElementsAre(0, 0));
  EXPECT_THAT(sample(1, 5, 5, k), ElementsAre(0, 1, 2, 3, 4, 4));
  EXPECT_EQ(sample(30, 300, 10, k).size(), 60u);
  EXPECT_EQ(sample(30, 301, 0, k).size(), 66u);
  EXPECT_EQ(sample(29.97, 899, 29.996, k).size(), 180u);
  EXPECT_EQ(sample(30, 930, 31, k).size(), 62u);
  EXPECT_EQ(sample(30, 9030, 301, k).size(), 302u);
  EXPECT_EQ(sample(25, 62500, 2500, k).size(), 640u);
  // Where the reference fails on an empty list.
  EXPECT_THAT(sample(30, 3, 0.1, k), ElementsAre(0, 0));
}

TEST(FrameSampling, GoldensOfTheReference) {
  int checked = 0;
  for (const Json& row : golden_lines("frame_sampling.jsonl")) {
    if (!row.contains("fps")) continue;
    const VideoInfo video{row["n"], row["fps"], row["duration"].get<double>()};
    for (const auto& [style, key] :
         {std::pair{VideoStyle::kGlm4v, "glm4v"}, std::pair{VideoStyle::kGlm46v, "glm46v"}}) {
      const auto indices = sample_frames(video, style);
      ASSERT_TRUE(indices);
      int64_t sum = 0;
      for (size_t i = 0; i < indices->size(); ++i)
        sum += (*indices)[i] * static_cast<int64_t>(i + 1);
      EXPECT_EQ(indices->size(), row[key]["count"].get<size_t>()) << row.dump();
      EXPECT_EQ(sum, row[key]["weighted_sum"].get<int64_t>()) << row.dump();
    }
    ++checked;
  }
  EXPECT_GE(checked, 200);
}

TEST(FrameSampling, BadInput) {
  for (const VideoInfo& video : {VideoInfo{0, 30, 1.0}, VideoInfo{10, 0, 1.0},
                                 VideoInfo{10, -5, 1.0}, VideoInfo{10, std::nan(""), 1.0},
                                 VideoInfo{10, 30, -1.0}, VideoInfo{10, 30, std::nan("")}}) {
    for (VideoStyle style : {VideoStyle::kGlm4v, VideoStyle::kGlm46v}) {
      EXPECT_EQ(sample_frames(video, style).error().code, Code::kInvalidArgument);
    }
  }
  EXPECT_FALSE(sample_frames({10, 30, 1.0}, VideoStyle::kGlm4v, 0.0));
  // Absurd numbers end quickly.
  EXPECT_TRUE(sample_frames({1 << 20, 1e-300, {}}, VideoStyle::kGlm4v));
  EXPECT_TRUE(sample_frames({1 << 20, 1e300, {}}, VideoStyle::kGlm46v));
}

}  // namespace
}  // namespace glmv::processing
