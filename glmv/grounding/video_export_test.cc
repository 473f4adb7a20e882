#include "glmv/grounding/video_export.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "glmv/media/video_source.h"

namespace glmv::grounding {
namespace {

namespace fs = std::filesystem;

class VideoExport : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("glmv-export-{}", ::getpid());
    fs::create_directories(folder_);
    file_ = media::open_video_source(std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/cfr25.mp4")
                ->file;
    reader_ = *media::InlineVideoOpener().open(file_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::unique_ptr<media::VideoReader> opened(const fs::path& path) {
    return *media::InlineVideoOpener().open(media::open_video_source(path.string())->file);
  }

  fs::path folder_;
  std::shared_ptr<const Fd> file_;
  std::unique_ptr<media::VideoReader> reader_;
};

TEST_F(VideoExport, SpansOfFrames) {
  const media::VideoFileInfo info{.num_frames = 100, .fps = 10, .duration_s = 10};
  const auto span = [&](double begin, double end) {
    const FrameSpan s = *frames_between(info, begin, end);
    return std::pair(s.first, s.last);
  };
  EXPECT_EQ(span(0, 0), std::pair(int64_t{0}, int64_t{99}));
  EXPECT_EQ(span(1, 2), std::pair(int64_t{10}, int64_t{19}));
  EXPECT_EQ(span(1.01, 1.02), std::pair(int64_t{11}, int64_t{11}));
  EXPECT_EQ(span(9.9, 50), std::pair(int64_t{99}, int64_t{99}));
  EXPECT_FALSE(frames_between(info, 10, 0));
  EXPECT_FALSE(frames_between(info, -1, 0));
}

TEST_F(VideoExport, BoxesAreOnTheFramesOfTheirTime) {
  const auto tracks =
      parsers::parse_tracking(R"({"1": [{"label": "", "bbox_2d": [0,0,1000,1000]}]})",
                              reader_->info().width, reader_->info().height);
  const fs::path path = folder_ / "out.mp4";
  const FrameSpan all{0, reader_->info().num_frames - 1};
  ASSERT_TRUE(draw_tracks(*reader_, all, tracks, false, path, media::VideoCodec::kMpeg4));
  const auto drawn = opened(path);
  EXPECT_EQ(drawn->info().num_frames, reader_->info().num_frames);
  EXPECT_NEAR(drawn->info().fps, 25, 0.01);
  // The outline is saturated, the frames are grey.
  const auto colour = [&](int64_t index) {
    int difference = 0;
    EXPECT_TRUE(drawn->read(std::span(&index, 1), 0, 0, [&](int64_t, const media::Image& frame) {
      const uint8_t* p = frame.pixel(frame.width / 2, 1);
      difference = std::max({p[0], p[1], p[2]}) - std::min({p[0], p[1], p[2]});
      return true;
    }));
    return difference;
  };
  EXPECT_LT(colour(10), 25);
  EXPECT_GT(colour(26), 60);
}

TEST_F(VideoExport, StoppedLeavesNoFile) {
  const auto stopped = encode_span(*reader_, {0, 30}, folder_ / "x.mp4", media::VideoCodec::kMpeg4,
                                   [](int64_t done, int64_t) { return done < 5; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(VideoExport, ExactHighlights) {
  const auto events = parsers::parse_timeline(
      "0:00-0:01 the dog/runs\n0:01 a cut\n9:00-9:10 behind the end", reader_->info().duration_s);
  const media::VideoCutter unused({.command = {"/nowhere"}});
  const auto made =
      cut_highlights(*reader_, file_, unused, events, folder_ / "h",
                     {.exact = true, .codec = media::VideoCodec::kMpeg4, .moment_s = 0.2});
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->size(), 2u);
  EXPECT_EQ((*made)[0].path.filename(), "01-0m00s-the_dog_runs.mp4");
  EXPECT_EQ(opened((*made)[0].path)->info().num_frames, 25);
  EXPECT_EQ((*made)[1].path.filename(), "02-0m00s-a_cut.mp4");
  EXPECT_EQ(opened((*made)[1].path)->info().num_frames, 10);
}

TEST_F(VideoExport, CopiedHighlightsNeedTheirChild) {
  const auto events = parsers::parse_timeline("0:00-0:01 x", 0);
  const media::VideoCutter dead({.command = {"/nowhere"}});
  EXPECT_FALSE(cut_highlights(*reader_, file_, dead, events, folder_ / "h", {}));
}

}  // namespace
}  // namespace glmv::grounding
