#include "glmv/processing/processor_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace glmv::processing {
namespace {

using testing::HasSubstr;

// A folder with the given files, removed at the end of the test.
class ProcessorConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::path(testing::TempDir()) /
           (std::string("glmv_processor_config_") +
            testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
  }
  ProcessorConfig read() {
    auto config = read_processor_config(dir_);
    EXPECT_TRUE(config) << config.error().message;
    return config.value_or(ProcessorConfig{});
  }

  std::filesystem::path dir_;
};

TEST_F(ProcessorConfigTest, DefaultsWithoutFiles) {
  const ProcessorConfig config = read();
  EXPECT_EQ(config.image.max_pixels, 11760000);
  EXPECT_EQ(config.video.max_pixels, 47040000);
  EXPECT_EQ(config.image.min_pixels, 12544);
  EXPECT_EQ(config.image.patch_dim(), 1176);
  EXPECT_EQ(config.timestamps, VideoStyle::kGlm4v);
  EXPECT_EQ(config.image_origin, "defaults");
}

TEST_F(ProcessorConfigTest, ReleasedFile) {
  write("preprocessor_config.json", R"({"size": {"shortest_edge": 12544, "longest_edge": 9633792},
    "do_rescale": true, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Glm4vImageProcessor", "processor_class": "Glm4vProcessor"})");
  const ProcessorConfig config = read();
  EXPECT_EQ(config.image.max_pixels, 9633792);
  // Without a video file the picture limits apply to videos too.
  EXPECT_EQ(config.video.max_pixels, 9633792);
  EXPECT_EQ(config.timestamps, VideoStyle::kGlm4v);
  write("video_preprocessor_config.json",
        R"({"size": {"shortest_edge": 12544, "longest_edge": 47040000}, "fps": 4,
            "video_processor_type": "Glm46VVideoProcessor"})");
  const ProcessorConfig both = read();
  EXPECT_EQ(both.video.max_pixels, 47040000);
  EXPECT_EQ(both.video_origin, "video_preprocessor_config.json");
  EXPECT_EQ(both.sampling_fps, 4.0);
  EXPECT_EQ(both.sampling, VideoStyle::kGlm46v);
  EXPECT_EQ(both.timestamps, VideoStyle::kGlm4v);
}

TEST_F(ProcessorConfigTest, NestedEntriesComeFirst) {
  write("preprocessor_config.json", R"({"size": {"shortest_edge": 1, "longest_edge": 2000000}})");
  write("processor_config.json", R"({"processor_class": "Glm46VProcessor",
    "image_processor": {"size": {"shortest_edge": 1, "longest_edge": 3000000}},
    "video_processor": {"size": {"shortest_edge": 1, "longest_edge": 4000000},
                        "video_processor_type": "Glm46VVideoProcessor"}})");
  const ProcessorConfig config = read();
  EXPECT_EQ(config.image.max_pixels, 3000000);
  EXPECT_EQ(config.video.max_pixels, 4000000);
  EXPECT_EQ(config.timestamps, VideoStyle::kGlm46v);
  EXPECT_EQ(config.sampling, VideoStyle::kGlm46v);
}

TEST_F(ProcessorConfigTest, StyleFallsBackToTheModelType) {
  for (const auto& [type, style] :
       {std::pair{"glm_ocr", VideoStyle::kGlm46v}, std::pair{"glm46v", VideoStyle::kGlm46v},
        std::pair{"glm4v", VideoStyle::kGlm4v}, std::pair{"glm4v_moe", VideoStyle::kGlm4v}}) {
    write("config.json", fmt::format(R"({{"model_type": "{}"}})", type));
    EXPECT_EQ(read().timestamps, style) << type;
  }
  write("config.json", R"({"model_type": "glm4v_moe"})");
  write("preprocessor_config.json", R"({"image_processor_type": "Glm46VImageProcessorFast"})");
  EXPECT_EQ(read().timestamps, VideoStyle::kGlm46v);
}

TEST_F(ProcessorConfigTest, FlagsAndScalars) {
  write("preprocessor_config.json",
        R"({"do_resize": false, "do_normalize": false, "image_mean": 0.5,
    "image_std": null, "merge_size": 1, "patch_size": 16, "resample": 3})");
  const MediaConfig image = read().image;
  EXPECT_FALSE(image.do_resize);
  EXPECT_FALSE(image.do_normalize);
  EXPECT_TRUE(image.do_rescale);
  EXPECT_EQ(image.mean[2], 0.5);
  EXPECT_NEAR(image.std[0], 0.26862954, 1e-9);
  EXPECT_EQ(image.limits().factor, 16);
}

TEST_F(ProcessorConfigTest, WrongValuesNameFileAndKey) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"patch_size": 0})", "patch_size"},
      {R"({"patch_size": "14"})", "patch_size"},
      {R"({"patch_size": 1e300})", "patch_size"},
      {R"({"size": {"height": 3}})", "longest_edge"},
      {R"({"size": {"shortest_edge": -1, "longest_edge": 5}})", "shortest_edge"},
      {R"({"image_std": [0, 1, 1]})", "image_std"},
      {R"({"image_mean": [1, 2]})", "image_mean"},
      {R"({"do_resize": 1})", "do_resize"},
      {R"({"rescale_factor": 0})", "rescale_factor"},
      {R"({"resample": 2})", "resample"},
      {R"([1])", "object"},
      {R"({"patch_size")", "preprocessor_config.json"}};
  for (const auto& [text, key] : cases) {
    write("preprocessor_config.json", text);
    const auto config = read_processor_config(dir_);
    ASSERT_FALSE(config) << text;
    EXPECT_THAT(config.error().message, HasSubstr(key));
    EXPECT_THAT(config.error().message, HasSubstr("preprocessor_config.json"));
  }
  write("preprocessor_config.json", R"({})");
  write("video_preprocessor_config.json", R"({"patch_size": 16})");
  EXPECT_THAT(read_processor_config(dir_).error().message, HasSubstr("same patch"));
}

}  // namespace
}  // namespace glmv::processing
