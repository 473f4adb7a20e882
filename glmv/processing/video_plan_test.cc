#include "glmv/processing/video_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "glmv/media/video_source.h"
#include "glmv/processing/golden_lines.h"

namespace glmv::processing {
namespace {

using testing::ElementsAre;

ProcessorConfig config_of(VideoStyle style) {
  ProcessorConfig config;
  config.video.max_pixels = int64_t{28} * 28 * 2 * 30000;
  config.sampling = config.timestamps = style;
  return config;
}

const media::VideoFileInfo kMinute{1500, 25, 60, 640, 360};

// tests/golden/video: what the reference makes of each file.
TEST(VideoPlan, IsTheReferences) {
  int num_files = 0;
  for (const Json& row : golden_lines("../video/index.jsonl")) {
    if (!row.contains("file")) continue;
    const std::string file = row["file"];
    const auto source =
        media::open_video_source(std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/" + file);
    ASSERT_TRUE(source) << file;
    const auto reader = media::InlineVideoOpener().open(source->file);
    ASSERT_TRUE(reader) << file;
    for (const auto& [key, style] :
         {std::pair{"glm4v", VideoStyle::kGlm4v}, {"glm46v", VideoStyle::kGlm46v}}) {
      const Json& want = row[key];
      const auto plan = plan_video((*reader)->info(), {}, config_of(style), 0);
      ASSERT_TRUE(plan) << file << ": " << plan.error().message;
      EXPECT_EQ(Json(plan->indices), want["indices"]) << file << " " << key;
      EXPECT_EQ(plan->size, (FrameSize{want["height"], want["width"]})) << file << " " << key;
      ASSERT_EQ(plan->times_s.size(), want["times"].size());
      for (size_t i = 0; i < plan->times_s.size(); ++i) {
        EXPECT_NEAR(plan->times_s[i], want["times"][i].get<double>(), 1e-6) << file;
      }
    }
    ++num_files;
  }
  EXPECT_GE(num_files, 20);
}

TEST(VideoPlan, APartKeepsItsTimes) {
  text::ContentPart part{.kind = text::PartKind::kVideo, .begin_s = 10, .end_s = 12};
  const auto plan = plan_video(kMinute, part, config_of(VideoStyle::kGlm4v), 0);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->indices, ElementsAre(250, 263, 275, 288));
  EXPECT_THAT(plan->times_s, ElementsAre(10, 10.52, 11, 11.52));
  part.end_s = 1e6;
  EXPECT_EQ(plan_video(kMinute, part, config_of(VideoStyle::kGlm4v), 0)->indices.front(), 250);
  part.begin_s = 59.99;
  EXPECT_EQ(plan_video(kMinute, part, config_of(VideoStyle::kGlm4v), 0).error().code,
            Code::kInvalidArgument);
  part.begin_s = 59.96;
  EXPECT_THAT(plan_video(kMinute, part, config_of(VideoStyle::kGlm4v), 0)->indices,
              ElementsAre(1499, 1499));
  part.begin_s = 20;
  part.end_s = 20;
  EXPECT_FALSE(plan_video(kMinute, part, config_of(VideoStyle::kGlm4v), 0));
}

// As PyAV and transformers have it: a file cut without coding it again, whose header lists 80
// frames.
TEST(VideoPlan, FramesThatAreListedButNotThere) {
  const media::VideoFileInfo cut{67, 25, 2.68, 64, 48, 80};
  const auto older = plan_video(cut, {}, config_of(VideoStyle::kGlm4v), 0);
  EXPECT_THAT(older->indices, ElementsAre(0, 13, 25, 38, 50, 63));
  const auto later = plan_video(cut, {}, config_of(VideoStyle::kGlm46v), 0);
  EXPECT_THAT(later->indices,
              ElementsAre(0, 5, 9, 13, 17, 21, 25, 30, 34, 38, 42, 46, 50, 55, 59, 63));
  // Of a part only frames that are there count.
  text::ContentPart part{.kind = text::PartKind::kVideo, .begin_s = 1};
  EXPECT_LE(plan_video(cut, part, config_of(VideoStyle::kGlm4v), 0)->indices.back(), 66);
}

TEST(VideoPlan, FrameRateAndNumber) {
  for (const VideoStyle style : {VideoStyle::kGlm4v, VideoStyle::kGlm46v}) {
    text::ContentPart part{.kind = text::PartKind::kVideo, .fps = 0.1};
    EXPECT_THAT(plan_video(kMinute, part, config_of(style), 0)->indices,
                ElementsAre(0, 250, 500, 750, 1000, 1250));
    part.max_frames = 3;
    EXPECT_THAT(plan_video(kMinute, part, config_of(style), 0)->indices, ElementsAre(0, 500, 1250));
    part.max_frames = 100;
    EXPECT_EQ(plan_video(kMinute, part, config_of(style), 0)->indices.size(), 6u);
  }
}

}  // namespace
}  // namespace glmv::processing
