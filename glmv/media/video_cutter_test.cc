#include "glmv/media/video_cutter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "glmv/base/child_side.h"
#include "glmv/base/files.h"
#include "glmv/media/video_reader.h"
#include "glmv/media/video_source.h"
#include "glmv/media/video_writer.h"

namespace glmv::media {

using namespace std::chrono_literals;

// What the child of these tests does, which is this program.
int run_cut_child(const std::string& kind) {
  if (kind == "cut") return serve_video_cut(kChildSocket) ? 0 : 1;
  char order[64];
  (void)read_all(kChildSocket, order, 1);
  if (kind == "cut-hangs") std::this_thread::sleep_for(100s);
  // Ones everywhere: offsets and sizes beyond every limit, but no error.
  std::string lie(4096, '\x01');
  if (kind == "cut-lies") {
    std::fill(lie.begin() + 12, lie.begin() + 16, '\xFF');
    (void)write_all(kChildSocket, lie.data(), lie.size());
  }
  return 1;
}

namespace {

namespace fs = std::filesystem;

class VideoFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("glmv-video-{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::shared_ptr<const Fd> golden(const std::string& name) {
    return open_video_source(std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/" + name)->file;
  }
  static std::unique_ptr<VideoReader> opened(const fs::path& path) {
    const auto source = open_video_source(path.string());
    EXPECT_TRUE(source) << path;
    auto reader = InlineVideoOpener().open(source->file);
    EXPECT_TRUE(reader) << path << ": " << (reader ? "" : reader.error().message);
    return reader ? std::move(*reader) : nullptr;
  }
  static VideoCutter cutter(const std::string& kind = "cut", double max_seconds = 20) {
    return VideoCutter({.command = {kThisProgram, "--as-child", kind}, .max_seconds = max_seconds});
  }
  // No file is left over.
  size_t num_files() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_)) ++count;
    return count;
  }

  fs::path folder_;
};

Image flat(int width, int height, uint8_t r, uint8_t g, uint8_t b) {
  Image image{width, height, PixelBytes(static_cast<size_t>(width) * height * 3)};
  for (size_t i = 0; i < image.data.size(); i += 3) {
    image.data[i] = r, image.data[i + 1] = g, image.data[i + 2] = b;
  }
  return image;
}

TEST_F(VideoFiles, WrittenFramesAreReadBack) {
  struct Case {
    VideoCodec codec;
    const char* name;
    int width, height;
  };
  for (const Case& c : {Case{VideoCodec::kVp9, "a.mp4", 64, 48},
                        {VideoCodec::kVp9, "b.webm", 65, 49},
                        {VideoCodec::kMpeg4, "c.mp4", 64, 48},
                        {VideoCodec::kMpeg4, "d.mkv", 2, 2}}) {
    auto writer = VideoWriter::open(
        folder_ / c.name, {.width = c.width, .height = c.height, .fps = 12.5, .codec = c.codec});
    ASSERT_TRUE(writer) << c.name << ": " << writer.error().message;
    const uint8_t colours[][3] = {{200, 30, 30}, {30, 200, 30}, {30, 30, 200}};
    for (int i = 0; i < 30; ++i) {
      const auto& k = colours[i / 10];
      ASSERT_TRUE((*writer)->write(flat(c.width, c.height, k[0], k[1], k[2])));
    }
    EXPECT_FALSE(fs::exists(folder_ / c.name)) << "not there before its end";
    ASSERT_TRUE((*writer)->finish());
    const auto reader = opened(folder_ / c.name);
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->info().num_frames, 30);
    EXPECT_NEAR(reader->info().fps, 12.5, 0.01);
    EXPECT_EQ(reader->info().width, c.width & ~1);
    EXPECT_EQ(reader->info().height, c.height & ~1);
    const std::vector<int64_t> indices = {5, 15, 25};
    ASSERT_TRUE(reader->read(indices, 0, 0, [&](int64_t index, const Image& frame) {
      const uint8_t* p = frame.pixel(frame.width / 2, frame.height / 2);
      for (int i = 0; i < 3; ++i) EXPECT_NEAR(p[i], colours[index / 10][i], 20) << c.name;
      return true;
    }));
  }
  EXPECT_EQ(num_files(), 4u);
}

TEST_F(VideoFiles, WriterRefusesWhatItCannotWrite) {
  const auto error = [&](const std::string& name, VideoWriterOptions options) {
    const auto writer = VideoWriter::open(folder_ / name, options);
    EXPECT_FALSE(writer) << name;
    return writer ? Code::kInternal : writer.error().code;
  };
  const VideoWriterOptions good{.width = 16, .height = 16, .fps = 10};
  EXPECT_EQ(error("a.txt", good), Code::kInvalidArgument);
  EXPECT_EQ(error("none", good), Code::kInvalidArgument);
  EXPECT_EQ(error("no/such/a.mp4", good), Code::kInvalidArgument);
  EXPECT_EQ(error("a.mp4", {.width = 1, .height = 16, .fps = 10}), Code::kInvalidArgument);
  EXPECT_EQ(error("a.mp4", {.width = 16, .height = 1 << 20, .fps = 10}), Code::kInvalidArgument);
  EXPECT_EQ(error("a.mp4", {.width = 16, .height = 16, .fps = 0}), Code::kInvalidArgument);
  EXPECT_EQ(error("a.webm", {.width = 16, .height = 16, .fps = 10, .codec = VideoCodec::kMpeg4}),
            Code::kUnsupported);
  EXPECT_FALSE(parse_video_codec("gif"));
  // One that is given up leaves nothing.
  ASSERT_TRUE(VideoWriter::open(folder_ / "b.mp4", good));
  EXPECT_EQ(num_files(), 0u);
}

TEST_F(VideoFiles, PartsBeginAtKeyFrames) {
  // A key frame every second.
  {
    auto writer = VideoWriter::open(
        folder_ / "long.mp4", {.width = 32, .height = 32, .fps = 10, .codec = VideoCodec::kMpeg4});
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE((*writer)->write(flat(32, 32, static_cast<uint8_t>(i * 2), 0, 0)));
    }
    ASSERT_TRUE((*writer)->finish());
  }
  const auto source = open_video_source((folder_ / "long.mp4").string());
  const auto part = cutter().cut(source->file, {.begin_s = 4.5, .end_s = 6.5}, folder_ / "part");
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_EQ(part->first, folder_ / "part.mp4");
  EXPECT_LE(part->second.begin_s, 4.5);
  EXPECT_GT(part->second.begin_s, 2.4);
  EXPECT_NEAR(part->second.end_s, 6.5, 0.11);
  const auto reader = opened(part->first);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->info().num_frames, part->second.num_frames);
  const std::vector<int64_t> first = {0};
  ASSERT_TRUE(reader->read(first, 0, 0, [&](int64_t, const Image& frame) {
    EXPECT_NEAR(frame.pixel(16, 16)[0], part->second.begin_s * 20, 12);
    return true;
  }));
}

TEST_F(VideoFiles, EveryContainerGivesAPartThatCanBeRead) {
  for (const char* name : {"cfr25.mp4", "vp9.webm", "xvid.avi", "hevc.mp4", "stream.ts", "wmv2.wmv",
                           "flv1.flv", "mpeg1.mpg", "rotated_left.mp4", "open_gop.mp4",
                           "variable.mkv", "ntsc.mov", "one_frame.mp4", "fragments.mp4"}) {
    const auto whole = InlineVideoOpener().open(golden(name));
    ASSERT_TRUE(whole) << name;
    const auto part =
        cutter().cut(golden(name), {.begin_s = 0, .end_s = 1000}, folder_ / fs::path(name).stem());
    ASSERT_TRUE(part) << name << ": " << part.error().message;
    const auto reader = opened(part->first);
    ASSERT_TRUE(reader) << name;
    EXPECT_NEAR(double(reader->info().num_frames), double((*whole)->info().num_frames), 2) << name;
    EXPECT_EQ(reader->info().width, (*whole)->info().width) << name;
    int num_read = 0;
    const std::vector<int64_t> indices = {0, reader->info().num_frames - 1};
    EXPECT_TRUE(reader->read(indices, 0, 0, [&](int64_t, const Image&) { return ++num_read > 0; }))
        << name;
    EXPECT_EQ(num_read, 2) << name;
  }
}

TEST_F(VideoFiles, CutErrorsLeaveNothing) {
  const auto code = [&](const VideoCutter& by, const std::string& name, const CutRequest& request) {
    const auto part = by.cut(golden(name), request, folder_ / "x");
    EXPECT_FALSE(part) << name;
    EXPECT_EQ(num_files(), 0u);
    return part ? Code::kInternal : part.error().code;
  };
  EXPECT_EQ(code(cutter(), "index.jsonl", {.begin_s = 0, .end_s = 1}), Code::kUnsupported);
  EXPECT_EQ(code(cutter(), "cfr25.mp4", {.begin_s = 5, .end_s = 1}), Code::kInvalidArgument);
  EXPECT_EQ(code(cutter(), "cfr25.mp4", {.begin_s = -1, .end_s = 1}), Code::kInvalidArgument);
  EXPECT_EQ(code(cutter(), "cfr25.mp4", {.begin_s = 0, .end_s = 1e300}), Code::kInvalidArgument);
  EXPECT_EQ(code(cutter(), "cfr25.mp4", {.begin_s = 0, .end_s = 9, .max_bytes = 100}),
            Code::kResourceExhausted);
  EXPECT_EQ(code(cutter("cut-dies"), "cfr25.mp4", {.begin_s = 0, .end_s = 1}), Code::kUnavailable);
  EXPECT_EQ(code(cutter("cut-lies"), "cfr25.mp4", {.begin_s = 0, .end_s = 1}), Code::kUnavailable);
  const auto nowhere = cutter().cut(golden("cfr25.mp4"), {0, 1}, folder_ / "no/such/x");
  EXPECT_EQ(nowhere.error().code, Code::kInvalidArgument);
}

TEST_F(VideoFiles, DamagedFilesGiveAPartOrAnError) {
  const std::string whole =
      *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/video/cfr25.mp4");
  for (size_t step = 0; step < 60; ++step) {
    std::string bytes = whole;
    if (step % 2 == 0) {
      bytes.resize(bytes.size() * step / 60);
    } else {
      for (size_t i = step * 31 % 97; i < bytes.size(); i += 211) bytes[i] ^= char(1 << step % 8);
    }
    uint64_t written = 0;
    const auto part = cut_video(*file_of_bytes(bytes), {0, 10, 1 << 20},
                                [&](uint64_t offset, std::string_view piece) {
                                  written = std::max(written, offset + piece.size());
                                  return true;
                                });
    EXPECT_TRUE(part ? written > 0 : !part.error().message.empty());
  }
}

}  // namespace
}  // namespace glmv::media
