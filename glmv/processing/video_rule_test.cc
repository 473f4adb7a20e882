#include "glmv/processing/video_rule.h"

#include <gtest/gtest.h>

namespace glmv::processing {
namespace {

TEST(VideoRule, ComesBackAsItWent) {
  ProcessorConfig config;
  config.sampling = VideoStyle::kGlm46v;
  config.sampling_fps = 3.5;
  config.video.min_pixels = 784;
  config.video.max_pixels = 7840;
  config.video.patch_size = 16;
  config.video.do_resize = false;
  const Json rule = Json::parse(video_rule_json(config).dump());
  const auto got = read_video_rule(rule, "m1");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->sampling, VideoStyle::kGlm46v);
  EXPECT_EQ(got->sampling_fps, 3.5);
  EXPECT_EQ(got->video.min_pixels, 784);
  EXPECT_EQ(got->video.max_pixels, 7840);
  EXPECT_EQ(got->video.patch_size, 16);
  EXPECT_FALSE(got->video.do_resize);
  EXPECT_EQ(video_rule_json(*got), rule);
}

TEST(VideoRule, WhatIsNone) {
  Json rule = video_rule_json(usual_video_rule());
  EXPECT_TRUE(read_video_rule(rule, "m1"));
  const std::pair<const char*, Json> cases[] = {{"fps", -1},
                                                {"fps", "x"},
                                                {"patch_size", 0},
                                                {"size", 3},
                                                {"video_processor_type", "Other"},
                                                {"video_processor_type", 7}};
  for (const auto& [key, value] : cases) {
    Json wrong = rule;
    wrong[key] = value;
    const auto got = read_video_rule(wrong, "m1");
    ASSERT_FALSE(got) << wrong;
    EXPECT_NE(got.error().message.find(key), std::string::npos) << got.error().message;
  }
  EXPECT_FALSE(read_video_rule(nullptr, "m1"));
  EXPECT_FALSE(read_video_rule(Json::object(), "m1"));
}

}  // namespace
}  // namespace glmv::processing
